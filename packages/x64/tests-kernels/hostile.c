/*
 * Random bytes as user code, with random registers, stepped: whatever they do, the kernel gets control back and finds
 * itself whole. User mode reaches its own few pages and nothing else of the kernel's. Port 0xED reads as the seed.
 */
#include "kernel.h"

static u64 state;
u64 registers[512] __attribute__((aligned(4096)));
u8 code[4096] __attribute__((aligned(4096))), data[8192] __attribute__((aligned(4096)));
static volatile u64 steps, ended, counts[32];

static u64 random(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static int stop(struct frame *frame) {
  if (frame->vector == DB && ++steps < 40 && frame->cs == USER_CODE) {
    frame->flags |= 0x100;
    return 1;
  }
  if (frame->vector < 32) counts[frame->vector]++;
  ended++;
  resume_kernel();
}

/* Loads all registers from `registers` and goes on at the code. */
extern u8 user_start[];
asm("user_start: lea registers(%rip), %r15; mov (%r15), %rax; mov 8(%r15), %rbx; mov 16(%r15), %rcx; mov 24(%r15), %rdx\n"
    "mov 32(%r15), %rsi; mov 40(%r15), %rdi; mov 48(%r15), %rbp; mov 56(%r15), %r8; mov 64(%r15), %r9; mov 72(%r15), %r10\n"
    "mov 80(%r15), %r11; mov 88(%r15), %r12; mov 96(%r15), %r13; mov 104(%r15), %r14; jmp code");
extern u8 ignore_call[];
asm("ignore_call: rex.w sysret");

/* Opcodes that reach the system part more often than chance would. */
static const u8 spice[] = { 0x8e, 0x8c, 0xcf, 0xcb, 0xca, 0xcd, 0x9d, 0x9c, 0xff, 0x0f, 0x0f, 0x0f, 0xf0, 0x66, 0x67, 0x48, 0x41, 0xf3,
  0xf2, 0x64, 0x65, 0xc8, 0xc9, 0xe4, 0xee, 0x6c, 0xa4, 0xab, 0x87, 0x0f };
static const u8 spice2[] = { 0x01, 0x00, 0x02, 0x03, 0x05, 0x07, 0x20, 0x22, 0x23, 0x30, 0x32, 0xb2, 0xb4, 0xa1, 0xc7, 0xb1, 0xc1, 0xae };

static u64 user_pages[512] __attribute__((aligned(4096)));

static void admit(const void *from, u64 bytes) {
  for (u64 at = ADDRESS(from) & ~0xffful; at < ADDRESS(from) + bytes; at += 4096) user_pages[at >> 12] |= 4;
}

void test(void) {
  for (u32 i = 0; i < 512; i++) user_pages[i] = (u64)i << 12 | 3;
  admit(user_start, 256);
  admit(registers, sizeof registers);
  admit(code, sizeof code);
  admit(data, sizeof data);
  admit(user_stack, sizeof user_stack);
  user_pages[ADDRESS(user_start) >> 12] &= ~2ul;
  page_directory_user[0] = ADDRESS(user_pages) | 7;
  for (u32 i = 1; i < 512; i++) page_directory_user[i] = 0;
  WRITE_CR(3, READ_CR(3));
  wrmsr(0xc0000081, (u64)KERNEL_CODE << 32 | (u64)(USER_CODE32 & ~3ul) << 48);
  wrmsr(0xc0000082, ADDRESS(ignore_call));
  wrmsr(0xc0000083, ADDRESS(ignore_call));
  wrmsr(0xc0000084, 0x700);
  u32 seed;
  asm volatile("inl $0xed, %0" : "=a"(seed));
  state = 88172645463325252ul ^ (u64)seed * 0x9e3779b97f4a7c15ul;
  for (u32 i = 0; i < 256; i++) idt[i].type = i == BP || i == OF || i >= 0x80 ? 0xee : 0x8e;
  hook = stop;
  for (u32 i = 0; i < 3000; i++) {
    for (u32 j = 0; j < 48; j++) {
      u64 r = random();
      code[j] = r & 0x300 ? r : spice[(r >> 10) % sizeof spice];
      if (code[j] == 0x0f && r & 0x100000) code[++j] = spice2[(r >> 24) % sizeof spice2];
    }
    for (u32 j = 0; j < 14; j++) {
      u64 r = random();
      registers[j] = r & 3 ? USER(data) + (r >> 8 & 0x1fff) : r & 4 ? r >> 40 & 0xff : r >> (r & 63);
    }
    for (u32 j = 0; j < 64; j++) ((u64 *)data)[random() & 1023] = random() >> (random() & 63);
    steps = 0;
    enter_user(USER(user_start), USER(user_stack + 4096 + (random() & 0xff8)), USER_CODE, USER_DATA, 0x102);
    asm volatile("cld; clts");
  }
  hook = 0;
  check("every attempt ended", ended, 3000);
  u16 task;
  asm volatile("str %0" : "=r"(task));
  check("TR", task, TSS);
  check("CR0", READ_CR(0) & 0x80000001, 0x80000001);
  ATTEMPT("ud2", "i"(0));
  check_fault("the kernel goes on", UD, NO_ERROR);
}
