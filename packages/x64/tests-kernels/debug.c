/*
 * Debug registers beyond what exceptions.c has: ports, lengths, pushes, user mode, several causes at once, the shadow of
 * MOV SS, RF, and what the registers themselves refuse.
 */
#include "kernel.h"

enum { EXECUTE = 0, WRITE = 1, PORT = 2, ACCESS = 3 };
enum { BYTE = 0, WORD = 1, QWORD = 2, DWORD = 3 };
static volatile u64 hits, hit_rip[4], hit_dr6[4], hit_flags[4];
static u8 bytes[64] __attribute__((aligned(64)));

static int keep(struct frame *frame) {
  if (frame->vector != DB) return 0;
  hit_rip[hits & 3] = frame->rip;
  hit_flags[hits & 3] = frame->flags;
  hit_dr6[hits & 3] = READ_DR(6);
  hits++;
  WRITE_DR(6, 0xffff0ff0);
  /* An instruction breakpoint would hit again. */
  if (READ_DR(7) & 3 && !(READ_DR(7) >> 16 & 3)) frame->flags |= 0x10000;
  return 1;
}

/* DR0 watches `address`; the instruction is at 1 and ends at 2. */
#define WATCH(kind, length, address, setup, instruction, ...)                                                          \
  do {                                                                                                                 \
    hits = 0;                                                                                                          \
    WRITE_DR(0, address);                                                                                              \
    asm volatile("lea 1f(%%rip), %%rax; mov %%rax, first(%%rip); lea 2f(%%rip), %%rax; mov %%rax, behind(%%rip)\n\t"   \
                 setup "\n\tmov %0, %%r11; mov %%r11, %%dr7\n1:\t" instruction "\n2:\txor %%r11d, %%r11d; mov %%r11, %%dr7" \
                 : : "i"(1 | (kind) << 16 | (length) << 18), ##__VA_ARGS__                                              \
                 : "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "r11", "memory", "cc");                                    \
  } while (0)
volatile u64 first, behind;

static void ports(void) {
  u64 cr4 = READ_CR(4);
  WRITE_CR(4, cr4 | 8);
  WATCH(PORT, BYTE, 0x80, "", "outb %%al, $0x80");
  check("OUT to a watched port", hits, 1);
  check("is a trap behind it", hit_rip[0], behind);
  check("DR6.B0", hit_dr6[0], 0xffff0ff1);
  WATCH(PORT, BYTE, 0x80, "", "inb $0x80, %%al");
  check("IN from it", hits, 1);
  WATCH(PORT, BYTE, 0x80, "", "outb %%al, $0x81");
  check("not its neighbour", hits, 0);
  WATCH(PORT, BYTE, 0x81, "", "outw %%ax, $0x80");
  check("a word that reaches it", hits, 1);
  WATCH(PORT, DWORD, 0x80, "mov $0x83, %%edx", "outb %%al, %%dx");
  check("the last of four ports", hits, 1);
  WATCH(PORT, BYTE, 0x80, "mov $0x80, %%edx; lea bytes(%%rip), %%rsi; mov $3, %%ecx", "rep outsb");
  check("REP OUTSB: each of three", hits, 3);
  check("RIP is its own until the last", hit_rip[1], first);
  check("and behind it then", hit_rip[2], behind);
  WATCH(PORT, BYTE, 0x80, "mov $0x80, %%edx; lea bytes(%%rip), %%rdi", "insb");
  check("INSB", hits, 1);
  WATCH(PORT, BYTE, ADDRESS(bytes), "", "movb $1, bytes(%%rip)");
  check("memory at such an address is not meant", hits, 0);
  ATTEMPT("mov %%dr4, %%rcx", "c"(0));
  check_fault("DR4 does not exist with CR4.DE", UD, NO_ERROR);
  ATTEMPT("mov %%rcx, %%dr5", "c"(0));
  check_fault("nor does DR5", UD, NO_ERROR);
  WRITE_CR(4, cr4 & ~8ul);
  u64 value;
  asm volatile("mov %%dr4, %0" : "=r"(value));
  check("without it DR4 is DR6", value, 0xffff0ff0);
  asm volatile("mov %%dr5, %0" : "=r"(value));
  check("and DR5 is DR7", value, 0x400);
  WRITE_CR(4, cr4);
}

static void lengths(void) {
  u64 at = ADDRESS(bytes);
  WATCH(WRITE, WORD, at + 2, "", "movb $1, bytes+3(%%rip)");
  check("the second byte of a word", hits, 1);
  WATCH(WRITE, WORD, at + 2, "", "movb $1, bytes+4(%%rip)");
  check("the byte behind it", hits, 0);
  WATCH(WRITE, QWORD, at + 8, "", "movb $1, bytes+15(%%rip)");
  check("the last byte of a qword", hits, 1);
  WATCH(WRITE, BYTE, at + 8, "", "movq $1, bytes+1(%%rip)");
  check("a store whose last byte is watched", hits, 1);
  WATCH(WRITE, DWORD, at + 9, "", "movb $1, bytes+8(%%rip)");
  check("low bits of the address do not count", hits, 1);
  WATCH(ACCESS, BYTE, at, "", "movb bytes(%%rip), %%bl");
  check("a load", hits, 1);
  WATCH(WRITE, BYTE, at, "", "addb $1, bytes(%%rip)");
  check("a read-modify-write", hits, 1);
  WATCH(WRITE, BYTE, at, "", "lock addb $1, bytes(%%rip)");
  check("a locked one", hits, 1);
  WATCH(WRITE, DWORD, at + 32, "lea bytes(%%rip), %%rsi; lea bytes+28(%%rip), %%rdi; mov $3, %%ecx", "rep movsl");
  check("REP MOVSL: the one that stores there", hits, 1);
  check("RIP is its own", hit_rip[0], first);
  WATCH(WRITE, QWORD, ADDRESS(user_stack) + 4088, "lea user_stack+4096(%%rip), %%rsi; xchg %%rsi, %%rsp",
        "push %%rax; xchg %%rsi, %%rsp");
  check("a push", hits, 1);
}

static void causes(void) {
  u64 at = ADDRESS(bytes);
  hits = 0;
  WRITE_DR(0, at);
  WRITE_DR(1, at);
  WRITE_DR(7, 5 | WRITE << 16 | WRITE << 20);
  bytes[0] = 1;
  asm volatile("nop" : : : "memory");
  WRITE_DR(7, 0);
  check("two breakpoints, one exception", hits, 1);
  check("both in DR6", hit_dr6[0] & 0xf, 3);
  hits = 0;
  WRITE_DR(7, 1 | WRITE << 16);
  asm volatile("pushfq; orl $0x100, (%%rsp); popfq; movb $1, bytes(%%rip); pushfq; andl $~0x100, (%%rsp); popfq" : : : "memory", "cc");
  WRITE_DR(7, 0);
  check("a step and a breakpoint, one exception", hit_dr6[0] & 0x400f, 0x4001);
  hits = 0;
  asm volatile("pushfq; orl $0x100, (%%rsp); popfq; sti; nop; pushfq; andl $~0x100, (%%rsp); popfq; cli" : : : "memory", "cc");
  check("STI holds no step back", hits, 5);
  hits = 0;
  ATTEMPT(".byte 0xf1", "i"(0));
  check("INT1 leaves DR6 alone", hit_dr6[0], 0xffff0ff0);
  /* A fault of the instruction that would trap. */
  WRITE_DR(7, 1 | ACCESS << 16);
  hits = 0;
  ATTEMPT("mov $0x7fff, %%eax; divb bytes+1(%%rip)", "i"(0));
  WRITE_DR(7, 0);
  check("a division that overflows faults", event.vector, DE);
}

static volatile u64 interrupted;
static int keep_and_count(struct frame *frame) {
  if (frame->vector == 0x96) {
    interrupted = hits + 1;
    return 1;
  }
  return keep(frame);
}

static void shadow(void) {
  static u16 selector = KERNEL_DATA;
  u64 after;
  hits = 0;
  WRITE_DR(0, ADDRESS(&selector));
  WRITE_DR(7, 1 | ACCESS << 16 | WORD << 18);
  asm volatile("mov %1, %%ss\n\tnop\n1:\tnop\n\tlea 1b(%%rip), %0" : "=r"(after) : "m"(selector) : "memory");
  WRITE_DR(7, 0);
  check("MOV SS from watched memory", hits, 1);
  check("its trap waits for the next instruction", hit_rip[0], after);
  hits = interrupted = 0;
  hook = keep_and_count;
  WRITE_DR(7, 1 | ACCESS << 16 | WORD << 18);
  asm volatile("mov %0, %%ss\n\tint $0x96" : : "m"(selector) : "memory");
  WRITE_DR(7, 0);
  check("INT in that shadow: the trap comes in its handler", hits, 1);
  check("before the handler does anything", interrupted, 2);
  check("RIP is the handler's", hit_rip[0], vector_table[0x96]);
  hook = keep;
}

static volatile u64 user_watched;
static void user_store(void) {
  user_watched = 1;
  asm volatile("nop" : : : "memory");
  USER_DONE();
}
static void user_step(void) {
  asm volatile("nop; nop" : : : "memory");
  USER_DONE();
}
static void user_debug_register(void) {
  ATTEMPT("mov %%dr0, %%rcx", "c"(0));
  USER_DONE();
}

static void user_mode(void) {
  hits = 0;
  WRITE_DR(0, USER(&user_watched));
  WRITE_DR(7, 1 | WRITE << 16 | QWORD << 18);
  run_user(user_store);
  WRITE_DR(7, 0);
  check("a store of user mode", hits, 1);
  check("RIP is its own", hit_rip[0] >> 32, USER_BASE >> 32);
  hits = 0;
  WRITE_DR(0, USER(user_step));
  WRITE_DR(7, 1);
  run_user(user_step);
  WRITE_DR(7, 0);
  check("an instruction of user mode", hits, 1);
  check("where it is", hit_rip[0], USER(user_step));
  hits = 0;
  enter_user(USER(user_step), USER(user_stack + sizeof user_stack - 8), USER_CODE, USER_DATA, 0x102);
  check("steps in user mode, none behind INT", hits, 2);
  run_user(user_debug_register);
  check_fault("debug registers are the kernel's", GP, 0);
}

static void registers(void) {
  ATTEMPT("mov %%rcx, %%dr7", "c"(1ul << 32));
  check_fault("the upper half of DR7 must be zero", GP, 0);
  ATTEMPT("mov %%rcx, %%dr6", "c"(1ul << 32));
  check_fault("and of DR6", GP, 0);
  WRITE_DR(6, 0);
  check("fixed bits of DR6", READ_DR(6), 0xffff0ff0);
  WRITE_DR(6, 0xffffffff);
  check("and what it can hold", READ_DR(6) | 0x10000, 0xffffefff);
  WRITE_DR(6, 0xffff0ff0);
  WRITE_DR(7, 0xffff03ff & ~0x2000ul);
  check("fixed bits of DR7", READ_DR(7), 0xffff07ff);
  WRITE_DR(7, 0x400);
  WRITE_DR(3, 0x123456789abcdef0);
  check("an address register holds 64 bits", READ_DR(3), 0x123456789abcdef0);
}

void test(void) {
  hook = keep;
  registers();
  ports();
  lengths();
  causes();
  shadow();
  user_mode();
}
