/* The shared half of the test kernels: see kernel.h. */
#include "kernel.h"

volatile struct event event;
volatile u64 events, resume_at, faulting;
int (*volatile hook)(struct frame *);
struct gate idt[256] __attribute__((aligned(16)));
struct tss tss __attribute__((aligned(16)));
u8 user_stack[8192] __attribute__((aligned(4096))), ist_stack[8192] __attribute__((aligned(4096)));
u8 interrupt_stack[16384] __attribute__((aligned(4096)));
static struct pointer idt_pointer;
static u64 failures;

void print(const char *text) {
  while (*text) out8(0xe9, *text++);
}

void print_hex(u64 value) {
  int digits = 16;
  while (digits > 1 && !(value >> 60)) value <<= 4, digits--;
  for (; digits; digits--, value <<= 4) out8(0xe9, "0123456789abcdef"[value >> 60]);
}

void check(const char *name, u64 got, u64 want) {
  print(got == want ? "ok " : "FAIL ");
  print(name);
  if (got != want) {
    print(": got ");
    print_hex(got);
    print(" want ");
    print_hex(want);
    failures++;
  }
  print("\n");
}

static void describe(const char *name, int good, const char *want) {
  print(good ? "ok " : "FAIL ");
  print(name);
  if (!good) {
    print(": want ");
    print(want);
    print(", got events ");
    print_hex(events);
    print(" vector ");
    print_hex(event.vector);
    print(" error ");
    print_hex(event.error);
    print(" rip ");
    print_hex(event.rip);
    print(" of ");
    print_hex(faulting);
    print(" cr2 ");
    print_hex(event.cr2);
    failures++;
  }
  print("\n");
}

void check_fault(const char *name, u64 vector, u64 error) {
  describe(name, events == 1 && event.vector == vector && event.error == error && event.rip == faulting, "a fault");
}

void check_page_fault(const char *name, u64 error, u64 address) {
  describe(name, events == 1 && event.vector == PF && event.error == error && event.rip == faulting &&
    event.cr2 == address, "a page fault");
}

void check_none(const char *name) { describe(name, events == 0, "no fault"); }

void clear(void) {
  events = 0;
  event.vector = NONE;
}

void leave(u32 code) {
  print(failures ? "failed\n" : "done\n");
  out32(0xf4, failures ? 1 : code);
  for (;;) asm volatile("cli; hlt");
}

void interrupt(struct frame *frame) {
  if (hook && hook(frame)) return;
  if (frame->vector == 0x80) resume_kernel();
  events++;
  event.vector = frame->vector;
  event.error = frame->error;
  event.rip = frame->rip;
  event.cs = frame->cs;
  event.flags = frame->flags;
  event.rsp = frame->rsp;
  event.ss = frame->ss;
  event.rax = frame->rax;
  event.cr2 = READ_CR(2);
  event.dr6 = READ_DR(6);
  event.handler_rsp = ADDRESS(frame);
  u64 flags;
  u16 cs, ss;
  asm volatile("mov %%cs, %0; mov %%ss, %1; pushfq; pop %2" : "=r"(cs), "=r"(ss), "=r"(flags));
  event.handler_cs = cs;
  event.handler_ss = ss;
  event.handler_flags = flags;
  if (resume_at) frame->rip = resume_at, resume_at = 0;
  else if (frame->vector < 32 && frame->vector != BP && frame->vector != OF && frame->vector != DB) {
    describe("no fault was expected here", 0, "none");
    leave(1);
  }
}

void set_gate(u32 vector, u64 handler, u32 selector, u32 type, u32 ist) {
  idt[vector] = (struct gate){ handler, selector, ist, type, handler >> 16, handler >> 32, 0 };
}

void run_user(void (*code)(void)) {
  enter_user(USER(code), USER(user_stack + sizeof user_stack - 8), USER_CODE, USER_DATA, 2);
}

void setup(void) {
  /* No timer where firmware left one running. */
  out8(0x21, 0xff);
  out8(0xa1, 0xff);
  for (u32 i = 0; i < 256; i++) set_gate(i, vector_table[i], KERNEL_CODE, i == 0x80 || i == BP || i == OF ? 0xee : 0x8e, 0);
  idt_pointer = (struct pointer){ sizeof idt - 1, ADDRESS(idt) };
  asm volatile("lidt %0" : : "m"(idt_pointer));
  u64 base = ADDRESS(&tss);
  tss.rsp[0] = ADDRESS(interrupt_stack + sizeof interrupt_stack);
  tss.ist[0] = ADDRESS(ist_stack + sizeof ist_stack);
  tss.io_map = sizeof tss;
  gdt[TSS / 8] = (sizeof tss - 1) | (base & 0xffffff) << 16 | 0x89ul << 40 | (base >> 24 & 0xff) << 56;
  gdt[TSS / 8 + 1] = base >> 32;
  asm volatile("ltr %w0" : : "r"(TSS));
}
