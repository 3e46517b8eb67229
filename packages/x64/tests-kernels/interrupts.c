/*
 * External interrupts and NMI: when they are accepted. The kernel asks for one by a port of the test machine; under QEMU,
 * by the local APIC, with an IPI to itself.
 */
#include "kernel.h"

enum { FIRST = 0xa0, SECOND = 0x51 };
static volatile u64 log_rip[8], log_vector[8], logged;
static int qemu;

static int keep(struct frame *frame) {
  if (frame->vector != FIRST && frame->vector != SECOND && frame->vector != NMI) return 0;
  log_rip[logged & 7] = frame->rip;
  log_vector[logged & 7] = frame->vector;
  logged++;
  if (qemu && frame->vector != NMI) *(volatile u32 *)0xfee000b0 = 0;
  return 1;
}

/* Asks for an interrupt; it is pending behind the instruction. */
static inline void ask(u32 vector) {
  if (qemu) *(volatile u32 *)0xfee00300 = 0x44000 | vector;
  else out8(0xea, vector);
}
static inline void ask_nmi(void) {
  if (qemu) *(volatile u32 *)0xfee00300 = 0x44400;
  else out8(0xeb, 0);
}

/* Time for what was asked to arrive, where that is not at once. */
static void wait(void) {
  for (u64 i = 0; i < 1000; i++) asm volatile("pause" : : : "memory");
}

static void masked(void) {
  u64 at;
  logged = 0;
  asm volatile("cli");
  ask(FIRST);
  asm volatile("nop; nop");
  check("no interrupt while IF is clear", logged, 0);
  asm volatile("lea 1f(%%rip), %0; sti; nop\n1:\tnop; cli" : "=&r"(at) : : "memory");
  check("it comes once IF is set", logged, 1);
  check("behind the instruction after STI", log_rip[0], at);
  check("with its vector", log_vector[0], FIRST);
  logged = 0;
  ask(FIRST);
  asm volatile("sti; cli; nop; nop" : : : "memory");
  check("STI, CLI accepts nothing", logged, 0);
  asm volatile("lea 1f(%%rip), %0; pushfq; orl $0x200, (%%rsp); popfq\n1:\tnop; nop; cli" : "=&r"(at) : : "memory");
  check("POPF accepts at once", log_rip[0], at);
  logged = 0;
  ask(FIRST);
  asm volatile("sti; lea 1f(%%rip), %0; sti\n1:\tnop; cli" : "=&r"(at) : : "memory");
  check("a second STI holds nothing back", logged, 1);
}

static void halted(void) {
  u64 at;
  logged = 0;
  asm volatile("cli");
  ask(FIRST);
  asm volatile("lea 1f(%%rip), %0; sti; hlt\n1:\tcli" : "=&r"(at) : : "memory");
  check("STI, HLT wakes up", logged, 1);
  check("behind HLT", log_rip[0], at);
  logged = 0;
  asm volatile("sti; nop" : : : "memory");
  ask(FIRST);
  wait();
  asm volatile("cli");
  check("an interrupt while IF is set", logged, 1);
}

static void two(void) {
  logged = 0;
  asm volatile("cli");
  ask(SECOND);
  ask(FIRST);
  asm volatile("sti; nop; nop; nop; cli" : : : "memory");
  check("two interrupts, both come", logged, 2);
}

static void user_spin(void) {
  ask(FIRST);
  for (u64 i = 0; i < 100000 && !logged; i++) asm volatile("pause");
  USER_DONE();
}

static void in_user_mode(void) {
  logged = 0;
  enter_user(USER(user_spin), USER(user_stack + sizeof user_stack - 8), USER_CODE, USER_DATA, 0x3202);
  check("an interrupt of user mode", logged, 1);
  check("RIP is the user's", log_rip[0] >> 32, USER_BASE >> 32);
}

static volatile u64 in_nmi;
static int nested_nmi(struct frame *frame) {
  if (frame->vector != NMI) return keep(frame);
  in_nmi++;
  if (in_nmi == 1) {
    ask_nmi();
    wait();
    log_vector[7] = in_nmi; /* still 1: the second one waits for IRET */
  }
  return 1;
}

static void nmi(void) {
  logged = 0;
  asm volatile("cli");
  ask_nmi();
  wait();
  check("an NMI does not ask for IF", logged, 1);
  check("its vector", log_vector[0], NMI);
  hook = nested_nmi;
  in_nmi = 0;
  ask_nmi();
  wait();
  check("an NMI waits for the IRET of the one before", log_vector[7], 1);
  check("and comes then", in_nmi, 2);
  hook = keep;
}

static void in_strings(void) {
  static u8 target[65536];
  u8 *to = target;
  u64 count = sizeof target, at;
  logged = 0;
  asm volatile("cli");
  ask(FIRST);
  asm volatile("lea 1f(%%rip), %2; sti\n1:\trep stosb; cli" : "+D"(to), "+c"(count), "=&r"(at) : "a"(0x5a) : "memory");
  check("an interrupt at a REP STOSB", logged, 1);
  check("the string is whole", count, 0);
  check("and went to its end", ADDRESS(to), ADDRESS(target) + sizeof target);
  check("its last byte", target[65535], 0x5a);
}

void test(void) {
  qemu = on_qemu();
  if (qemu) {
    /* The APIC's page, in place of RAM that is not there. */
    static u64 high[512] __attribute__((aligned(4096)));
    page_pdpt_kernel[3] = ADDRESS(high) | 3;
    high[0x1f7] = 0xfee00000 | 0x83;
    high[0x1f7] |= 4;
    page_pdpt_kernel[3] |= 4;
    page_pml4[0] |= 4;
    *(volatile u32 *)0xfee000f0 = 0x1ff;
  }
  hook = keep;
  masked();
  halted();
  two();
  in_user_mode();
  nmi();
  in_strings();
}
