/*
 * Runs single instructions on the host's processor: the oracle of the floating-point and vector forms.
 *
 * Reads cases from standard input and writes them back as the instruction left them. A case is 672 bytes:
 *
 *       0  code[16]      one instruction; its memory operand is [rbx]; padded with anything
 *      16  length u32    bytes of the instruction;  20 signal u32 (out): 0, or the signal it raised
 *      24  rflags u64
 *      32  memory[64]    where rbx points to, 64-byte aligned when the instruction runs
 *      96  rax rcx rdx rbx rsp rbp rsi rdi (rbx, rsp, rbp are not the case's)
 *     160  image[512]    of FXSAVE64
 *
 *     gcc -O1 -o oracle oracle.c
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

struct test {
  uint8_t code[16];
  uint32_t length, signal;
  uint64_t rflags;
  uint8_t memory[64];
  uint64_t gpr[8];
  uint8_t image[512];
};

static struct test current __attribute__((aligned(64)));
static uint8_t memory[64] __attribute__((aligned(64)));
static uint8_t image[512] __attribute__((aligned(64)));
static uint8_t *code;
static sigjmp_buf back;
static uint8_t host_image[512] __attribute__((aligned(64)));
void *code_entry;
struct test *the_test = &current;
void *the_memory = memory;
void *the_image = image;

void run_one(void);
__asm__(
    ".text\n.globl run_one\nrun_one:\n"
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; sub $8, %rsp\n"
    "mov the_test(%rip), %r15; mov code_entry(%rip), %r14; mov the_image(%rip), %r13\n"
    "fxrstor64 (%r13)\n"
    "mov 96(%r15), %rax; mov 104(%r15), %rcx; mov 112(%r15), %rdx\n"
    "mov the_memory(%rip), %rbx; mov 144(%r15), %rsi; mov 152(%r15), %rdi\n"
    "push 24(%r15); popfq\n"
    "call *%r14\n"
    "pushfq; pop 24(%r15)\n"
    "mov %rax, 96(%r15); mov %rcx, 104(%r15); mov %rdx, 112(%r15); mov %rsi, 144(%r15); mov %rdi, 152(%r15)\n"
    "fxsave64 (%r13)\n"
    "cld; add $8, %rsp; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n");

static void on_signal(int number, siginfo_t *info, void *context) {
  ucontext_t *u = context;
  (void)info;
  current.signal = (uint32_t)number;
  current.rflags = (uint64_t)u->uc_mcontext.gregs[REG_EFL];
  current.gpr[0] = (uint64_t)u->uc_mcontext.gregs[REG_RAX];
  current.gpr[1] = (uint64_t)u->uc_mcontext.gregs[REG_RCX];
  current.gpr[2] = (uint64_t)u->uc_mcontext.gregs[REG_RDX];
  current.gpr[6] = (uint64_t)u->uc_mcontext.gregs[REG_RSI];
  current.gpr[7] = (uint64_t)u->uc_mcontext.gregs[REG_RDI];
  memcpy(image, u->uc_mcontext.fpregs, 512);
  siglongjmp(back, 1);
}

static int read_all(void *to, size_t size) {
  return fread(to, 1, size, stdin) == size;
}

int main(void) {
  static uint8_t stack[65536];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
  sigaltstack(&alternate, NULL);
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  int signals[] = {SIGFPE, SIGSEGV, SIGILL, SIGBUS, SIGTRAP};
  for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) sigaction(signals[i], &action, NULL);
  code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  code_entry = code;
  __asm__ volatile("fxsave64 (%0)" : : "r"(host_image) : "memory");
  while (read_all(&current, sizeof current)) {
    memcpy(code, current.code, current.length);
    code[current.length] = 0xc3;
    memcpy(memory, current.memory, sizeof memory);
    memcpy(image, current.image, sizeof image);
    current.signal = 0;
    if (sigsetjmp(back, 1) == 0) run_one();
    __asm__ volatile("fxrstor64 (%0); cld" : : "r"(host_image) : "memory");
    memcpy(current.memory, memory, sizeof memory);
    memcpy(current.image, image, sizeof image);
    fwrite(&current, 1, sizeof current, stdout);
  }
  return 0;
}
