/*
 * Runs cases on the host's processor: loads a complete user-mode state, jumps to the case's code, and reports the state
 * at the signal that ends it: a fault, or the #GP of HLT after the code, reported as SIGTRAP with RIP behind it.
 *
 * stdin: cases of 1024 bytes; stdout: as many results. Offsets in bytes:
 *
 *      case                              result
 *      0    16 general registers         the same
 *      128  RFLAGS                       RFLAGS
 *      136  u32 length of the code       RIP
 *      140  u32 code size: 0 64-bit mode, 1 a 32-bit, 2 a 16-bit segment of compatibility mode
 *      144  code, at most 64 bytes       144 u32 signal, 148 u32 trap number, 152 u64 error code, 160 u64 CR2
 *                                        (signal 26: it did not end)
 *                                        168 u32 hash of the data pages, 172 u32 data outside the window was changed
 *      256  FXSAVE image                 FXSAVE image
 *      768  256 bytes of data around the border of the two data pages
 *
 * 16-bit code runs in segments of the LDT, based so that offset 0x5000 is the code page and 0x8000 the border.
 */
#define _GNU_SOURCE
#include <asm/ldt.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE 0x10000000ul
#define CODE_SIZE 0x1000ul
/* Offset of the code page in a 16-bit program's segment. */
#define CODE_16 0x5000ul
#define DATA 0x20000000ul
#define DATA_SIZE 0x2000ul
/* A repeated store whose last element crosses into what is not mapped may leave a part of it in the last bytes. */
#define COMPARED (DATA_SIZE - 8)
#define WINDOW (DATA + 0x1000 - 128)

struct test_case {
  uint64_t gpr[16];
  uint64_t rflags;
  uint32_t length, place;
  uint8_t code[64];
  uint8_t unused2[48];
  uint8_t fx[512] __attribute__((aligned(16)));
  uint8_t data[256];
} __attribute__((aligned(16)));

struct result {
  uint64_t gpr[16];
  uint64_t rflags, rip;
  uint32_t signal, trap;
  uint64_t error, cr2;
  uint32_t hash, outside;
  uint8_t unused[80];
  uint8_t fx[512];
  uint8_t data[256];
};

static struct test_case current;
static struct result result;
static sigjmp_buf back;
/* Bases of the code segments, and selectors of code and data, by code size. */
static const uint64_t code_base[3] = {0, 0, CODE - CODE_16};
static const uint16_t code_selector[3] = {0x33, 0x23, 0x0f}, data_selector[3] = {0x2b, 0x2b, 0x17};
struct {
  uint32_t offset;
  uint16_t selector;
} __attribute__((packed)) far_target;
uint16_t stack_selector;
static uint8_t pristine[DATA_SIZE];

/* The order of the encoding: RAX RCX RDX RBX RSP RBP RSI RDI R8 ... */
static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

/* A case that is still there after some ticks of the clock loops for ever. */
static volatile int inside, ticks;

/* What the case has popped into the flags: compilers' code does not align its accesses, nor does it nest tasks. */
static inline void clear_alignment_check(void) {
  __asm__ volatile("pushfq\n andq $~0x44000, (%%rsp)\n popfq" : : : "cc", "memory");
}

static void on_tick(int number, siginfo_t *info, void *context) {
  (void)info, (void)context;
  clear_alignment_check();
  if (!inside || ++ticks < 4) return;
  result.signal = (uint32_t)number;
  siglongjmp(back, 1);
}

static void on_signal(int number, siginfo_t *info, void *context) {
  (void)info;
  ucontext_t *u = context;
  clear_alignment_check();
  greg_t *g = u->uc_mcontext.gregs;
  for (int i = 0; i < 16; i++) result.gpr[i] = (uint64_t)g[order[i]];
  result.rflags = (uint64_t)g[REG_EFL];
  result.rip = (uint64_t)g[REG_RIP];
  result.signal = (uint32_t)number;
  result.trap = (uint32_t)g[REG_TRAPNO];
  result.error = (uint64_t)g[REG_ERR];
  result.cr2 = (uint64_t)g[REG_CR2];
  uint64_t at = result.rip + code_base[current.place];
  if (result.trap == 13 && at - CODE < CODE_SIZE && *(uint8_t *)at == 0xf4) {
    result.signal = SIGTRAP;
    result.rip++;
  }
  memcpy(result.fx, u->uc_mcontext.fpregs, 512);
  siglongjmp(back, 1);
}

#define LOAD_REGISTERS                                                                                    \
  "  fxrstor 256(%rdi)\n"                                                                                 \
  "  mov %rdi, %rax\n"                                                                                    \
  "  mov stack_selector(%rip), %ss\n"                                                                     \
  "  push 128(%rax)\n"                                                                                    \
  "  popfq\n"                                                                                             \
  "  mov 8(%rax), %rcx\n  mov 16(%rax), %rdx\n  mov 24(%rax), %rbx\n  mov 32(%rax), %rsp\n"               \
  "  mov 40(%rax), %rbp\n  mov 48(%rax), %rsi\n  mov 56(%rax), %rdi\n  mov 64(%rax), %r8\n"               \
  "  mov 72(%rax), %r9\n  mov 80(%rax), %r10\n  mov 88(%rax), %r11\n  mov 96(%rax), %r12\n"               \
  "  mov 104(%rax), %r13\n  mov 112(%rax), %r14\n  mov 120(%rax), %r15\n  mov 0(%rax), %rax\n"

extern void enter(struct test_case *c), enter_segment(struct test_case *c);
__asm__(".globl enter, enter_segment\n"
        "enter:\n" LOAD_REGISTERS
        "  jmp *target(%rip)\n"
        "enter_segment:\n" LOAD_REGISTERS
        "  ljmp *far_target(%rip)\n"
        "target: .quad 0x10000000\n");

/* Makes a segment of the LDT. */
static int segment(unsigned entry, unsigned base, unsigned limit, unsigned contents) {
  struct user_desc d;
  memset(&d, 0, sizeof d);
  d.entry_number = entry;
  d.base_addr = base;
  d.limit = limit;
  d.contents = contents;
  d.useable = 1;
  return syscall(SYS_modify_ldt, 0x11, &d, sizeof d) == 0;
}

/* Sets the segments of the next case. */
static void set_segments(unsigned place) {
  uint16_t data = data_selector[place];
  stack_selector = data;
  far_target.selector = code_selector[place];
  far_target.offset = (uint32_t)(CODE - code_base[place]);
  __asm__ volatile("mov %0, %%ds\n mov %0, %%es" : : "r"(data));
}

static uint32_t hash(const uint8_t *bytes) {
  const uint32_t *words = (const uint32_t *)bytes;
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < COMPARED / 4; i++) h = (h ^ words[i]) * 16777619u;
  return h;
}

static int read_all(void *to, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    ssize_t n = read(0, (char *)to + done, bytes - done);
    if (n <= 0) return 0;
    done += (size_t)n;
  }
  return 1;
}

static void write_all(const void *from, size_t bytes) {
  size_t done = 0;
  while (done < bytes) {
    ssize_t n = write(1, (const char *)from + done, bytes - done);
    if (n <= 0) exit(1);
    done += (size_t)n;
  }
}

int main(void) {
  static uint8_t stack[65536];
  uint8_t *code = mmap((void *)CODE, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  uint8_t *data = mmap((void *)DATA, DATA_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  if (code == MAP_FAILED || data == MAP_FAILED) return 2;
  for (size_t i = 0; i < DATA_SIZE; i++) pristine[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + 3);
  memcpy(data, pristine, DATA_SIZE);
  int has_ldt = segment(1, CODE - CODE_16, CODE_16 + CODE_SIZE - 1, 2) && segment(2, DATA + 0x1000 - 0x8000, 0xffff, 0);
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternate, 0);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS};
  for (int i = 0; i < 5; i++) sigaction(signals[i], &action, 0);
  action.sa_sigaction = on_tick;
  sigaction(SIGVTALRM, &action, 0);
  struct itimerval period = {{0, 10000}, {0, 10000}};
  setitimer(ITIMER_VIRTUAL, &period, 0);
  while (read_all(&current, sizeof current)) {
    memset(code, 0xf4, CODE_SIZE);
    memcpy(code, current.code, current.length);
    memcpy((void *)WINDOW, current.data, 256);
    memset(&result, 0, sizeof result);
    ticks = 0;
    if (current.place == 2 && !has_ldt) {
      result.signal = SIGVTALRM;
      write_all(&result, sizeof result);
      continue;
    }
    set_segments(current.place);
    inside = 1;
    if (sigsetjmp(back, 0) == 0) (current.place == 0 ? enter : enter_segment)(&current);
    inside = 0;
    set_segments(0);
    __asm__ volatile("cld; fninit");
    uint32_t standard = 0x1f80;
    __asm__ volatile("ldmxcsr %0" : : "m"(standard));
    memcpy(result.data, (void *)WINDOW, 256);
    result.hash = hash(data);
    memcpy((void *)WINDOW, pristine + 0x1000 - 128, 256);
    result.outside = memcmp(data, pristine, COMPARED) != 0;
    memcpy(data, pristine, DATA_SIZE);
    write_all(&result, sizeof result);
  }
  return 0;
}
