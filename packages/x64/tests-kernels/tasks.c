/*
 * Hardware task switches in 32-bit protected mode: JMP, CALL and IRET, TSSs of 32 and 16 bits, task gates in the GDT and the
 * IDT, what each leaves in both TSSs and their descriptors, and what is refused before and behind the switch.
 */
#include "legacy.h"

struct tss32 {
  u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, flags, eax, ecx, edx, ebx, esp, ebp, esi, edi, es, cs, ss, ds, fs, gs, ldt;
  u16 trap, io_map;
};
struct tss16 { u16 link, sp0, ss0, sp1, ss1, sp2, ss2, ip, flags, ax, cx, dx, bx, sp, bp, si, di, es, cs, ss, ds, ldt; };

enum { NT = 0x4000, TASK = FREE, TASK16 = FREE + 8, GATE = FREE + 16, LDT = FREE + 24, OTHER = FREE + 32, USER_TASK = FREE + 40 };
enum { TASK_VECTOR = 0x90 };

static struct tss32 task __attribute__((aligned(128))), other __attribute__((aligned(128)));
static struct tss16 task16 __attribute__((aligned(128)));
static u8 task_stack[4096] __attribute__((aligned(16))), other_stack[4096] __attribute__((aligned(16)));
volatile u32 came[16];
static u64 ldt[4];

static u32 type_of(u32 selector) { return gdt[selector / 8] >> 40 & 0x1f; }
static void tss_slot(u32 selector, const void *at, u32 size, u32 attributes) { slot((selector - FREE) / 8, ADDRESS(at), size - 1, attributes); }
static void gate_slot(u32 selector, u32 to, u32 attributes) { gdt[selector / 8] = (u64)to << 16 | (u64)attributes << 40; }

/* The tasks' code: notes what it finds, and goes back with IRET or a jump to the TSS in `back`. */
extern u8 task_entry[], task_jumps_back[], task16_entry[], task_again[];
u32 jump_back[2];
asm("task_entry: mov %eax, came; mov %esp, came+4; pushf; pop came+8; mov %cs, came+12; mov %ds, came+16; str came+20\n"
    "mov %cr0, %eax; mov %eax, came+24; sldt came+28; mov %cr3, %eax; mov %eax, came+32; mov %fs, came+36; clts; iret\n"
    "task_again: incl came+40; iret; jmp task_again\n"
    "task_jumps_back: mov %eax, came; mov %esp, came+4; pushf; pop came+8; str came+20; clts; ljmp *jump_back\n"
    ".code16\ntask16_entry: addr32 mov %ax, came; addr32 mov %esp, came+4; pushf; addr32 popw came+8; addr32 str came+20; clts\n"
    "iret\n.code32");

static void fresh(void (*entry)(void)) {
  task = (struct tss32){ .cr3 = ADDRESS(page_directory), .eip = ADDRESS(entry), .flags = 2, .eax = 0x11112222, .ecx = 3,
    .esp = ADDRESS(task_stack + sizeof task_stack), .es = KERNEL_DATA, .cs = KERNEL_CODE, .ss = KERNEL_DATA, .ds = KERNEL_DATA,
    .fs = KERNEL_DATA, .ldt = 0, .io_map = sizeof task };
  tss_slot(TASK, &task, sizeof task, 0x89);
  for (u32 i = 0; i < 16; i++) came[i] = 0;
}

#define FAR(instruction, selector)                                                                                     \
  do {                                                                                                                 \
    struct { u32 offset; u16 selector; } to_ = { 0, selector };                                                        \
    events = 0;                                                                                                        \
    asm volatile("movl $2f, faulting; movl $1f, resume_at; mov %%esp, saved\n2:\t" instruction " %0\n1:\tmov saved, %%esp; movl $0, resume_at" \
                 : : "m"(to_) : "eax", "ebx", "ecx", "edx", "memory", "cc");                                           \
  } while (0)
u32 saved;

static void calls(void) {
  fresh((void (*)(void))task_entry);
  tss.eip = 0;
  FAR("lcall *", TASK);
  check_none("CALL of a TSS and IRET back");
  check("EAX of the new task", came[0], 0x11112222);
  check("its stack", came[1], ADDRESS(task_stack + sizeof task_stack));
  check("NT is set", came[2] & NT, NT);
  check("its CS", came[3] & 0xffff, KERNEL_CODE);
  check("TR", came[5] & 0xffff, TASK);
  check("CR0.TS is set", came[6] & 8, 8);
  check("CR3 is the task's", came[8], ADDRESS(page_directory));
  check("FS", came[9] & 0xffff, KERNEL_DATA);
  check("the back link", task.link, TSS);
  check("the new task is available again", type_of(TASK), 9);
  check("the old one is busy", type_of(TSS), 11);
  check("EIP of the caller was stored", tss.eip != 0, 1);
  check("EIP of the callee is behind its IRET", task.eip != ADDRESS(task_entry), 1);
  check("NT was cleared in what IRET stored", task.flags & NT, 0);
  u32 nt;
  asm volatile("pushf; pop %0" : "=r"(nt));
  check("and is clear here", nt & NT, 0);
  u16 selector;
  asm volatile("str %0" : "=r"(selector));
  check("TR is the old one", selector, TSS);
  fresh((void (*)(void))task_again);
  FAR("lcall *", TASK);
  FAR("lcall *", TASK);
  check("a task goes on where it was", came[10], 2);
}

static void jumps(void) {
  fresh((void (*)(void))task_jumps_back);
  jump_back[1] = TSS;
  task.link = 0x1234;
  FAR("ljmp *", TASK);
  check_none("JMP to a TSS and a jump back");
  check("EAX", came[0], 0x11112222);
  check("NT is not set", came[2] & NT, 0);
  check("the link is as it was", task.link, 0x1234);
  check("the first task is busy", type_of(TSS), 11);
  check("the second is not", type_of(TASK), 9);
  gate_slot(GATE, TASK, 0x85);
  fresh((void (*)(void))task_entry);
  FAR("lcall *", GATE);
  check_none("CALL through a task gate");
  check("runs the task", came[5] & 0xffff, TASK);
  gate_slot(GATE, TASK, 0x05);
  FAR("lcall *", GATE);
  check_fault("a task gate that is not present", NP, GATE);
  gate_slot(GATE, KERNEL_DATA, 0x85);
  FAR("lcall *", GATE);
  check_fault("a task gate to data", GP, KERNEL_DATA);
}

static void refusals(void) {
  fresh((void (*)(void))task_entry);
  FAR("ljmp *", TSS);
  check_fault("JMP to the running task", GP, TSS);
  tss_slot(TASK, &task, sizeof task, 0x8b);
  FAR("lcall *", TASK);
  check_fault("CALL of a busy task", GP, TASK);
  tss_slot(TASK, &task, sizeof task, 0x09);
  FAR("lcall *", TASK);
  check_fault("a TSS that is not present", NP, TASK);
  tss_slot(TASK, &task, 0x67, 0x89);
  FAR("lcall *", TASK);
  check_fault("a TSS that is too small", TS, TASK);
  check("was not made busy", type_of(TASK), 9);
  asm volatile("pushf; orl $0x4000, (%%esp); popf" : : : "cc", "memory");
  tss.link = TASK;
  ATTEMPT("", "iret", "i"(0));
  asm volatile("pushf; andl $~0x4000, (%%esp); popf" : : : "cc", "memory");
  check_fault("IRET with NT to a task that is not busy", TS, TASK);
}

static void sixteen(void) {
  fresh((void (*)(void))task_entry);
  task16 = (struct tss16){ .ip = ADDRESS(task16_entry) & 0xffff, .flags = 2, .ax = 0x4321, .sp = 0x800, .es = KERNEL_DATA,
    .cs = OTHER, .ss = KERNEL_DATA, .ds = KERNEL_DATA };
  slot((OTHER - FREE) / 8, ADDRESS(task16_entry) & ~0xffff, 0xffff, 0x9b);
  slot((LDT - FREE) / 8, ADDRESS(task_stack), 0xfff, 0x93);
  task16.ss = LDT;
  tss_slot(TASK16, &task16, sizeof task16, 0x81);
  FAR("lcall *", TASK16);
  check_none("CALL of a 16-bit TSS and IRET back");
  check("AX", came[0] & 0xffff, 0x4321);
  check("SP", came[1] & 0xffff, 0x800);
  check("NT", came[2] & NT, NT);
  check("its link", task16.link, TSS);
  check("it is available again", type_of(TASK16), 1);
}

extern u8 handler_entry[];
asm("handler_entry: pop came+44; mov %esp, came+48; str came+52; clts; incl came+56\n mov came+60, %eax; test %eax, %eax; jz 1f\n"
    "mov %eax, tss+0x20\n1: iret; jmp handler_entry\n");

static void handler_task(u32 vector, u32 attributes) {
  other = (struct tss32){ .cr3 = ADDRESS(page_directory), .eip = ADDRESS(handler_entry), .flags = 2,
    .esp = ADDRESS(other_stack + sizeof other_stack), .es = KERNEL_DATA, .cs = KERNEL_CODE, .ss = KERNEL_DATA, .ds = KERNEL_DATA,
    .io_map = sizeof other };
  tss_slot(OTHER, &other, sizeof other, 0x89);
  idt[vector] = (u64)OTHER << 16 | (u64)attributes << 40;
}

extern u8 after_bad[], plain_handler[];
asm("plain_handler: mov %esp, came+48; str came+52; clts; incl came+56; iret");

static void through_idt(void) {
  fresh((void (*)(void))task_entry);
  handler_task(GP, 0x85);
  came[15] = ADDRESS(after_bad);
  asm volatile("mov $0x5000, %%eax; mov %%eax, %%fs\nafter_bad:" : : : "eax", "memory");
  check("a fault through a task gate: its error code", came[11], 0x5000);
  check("on the stack of the task", came[12], ADDRESS(other_stack + sizeof other_stack));
  check("TR", came[13] & 0xffff, OTHER);
  check("once", came[14], 1);
  gate(GP, vector_table[GP], KERNEL_CODE, 0x8e);
  handler_task(TASK_VECTOR, 0x85);
  other.eip = ADDRESS(plain_handler);
  came[14] = 0;
  asm volatile("int $0x90" : : : "memory");
  check("INT n through a task gate", came[14], 1);
  check("no error code", came[12], ADDRESS(other_stack + sizeof other_stack));
  tss_slot(OTHER, &other, sizeof other, 0x8b);
  ATTEMPT("", "int $0x90", "i"(0));
  check_fault("to a busy task", GP, OTHER);
  idt[TASK_VECTOR] = (u64)OTHER << 16 | 5ull << 40;
  ATTEMPT("", "int $0x90", "i"(0));
  check_fault("through a gate that is not present", NP, TASK_VECTOR * 8 + 2);
  gate(TASK_VECTOR, vector_table[TASK_VECTOR], KERNEL_CODE, 0x8e);
}

/* A task whose segments are wrong: the fault is its own. The handler of #TS is a task of its own, which goes back here. */
static void behind_the_switch(const char *name, u32 vector, u32 error) {
  handler_task(vector, 0x85);
  for (u32 i = 11; i < 16; i++) came[i] = 0;
  other.eip = ADDRESS(handler_entry);
  /* Its IRET leads to the broken task; a jump back to this one instead. */
  extern u8 broken_entry[];
  other.eip = ADDRESS(broken_entry);
  jump_back[1] = TSS;
  FAR("ljmp *", TASK);
  check(name, came[11], error);
  check("its handler's link is the new task", came[12] & 0xffff, TASK);
  check("which is busy", came[13], 11);
  tss_slot(TASK, &task, sizeof task, 0x89);
  gate(vector, vector_table[vector], KERNEL_CODE, 0x8e);
}
asm("broken_entry: pop came+44; mov other, %eax; mov %eax, came+48; movzbl gdt+0x35, %eax; and $0x1f, %eax; mov %eax, came+52; clts; ljmp *jump_back");

static void broken(void) {
  fresh((void (*)(void))task_entry);
  task.cs = KERNEL_DATA;
  behind_the_switch("CS that is data", TS, KERNEL_DATA);
  fresh((void (*)(void))task_entry);
  task.ss = KERNEL_CODE;
  behind_the_switch("SS that is code", TS, KERNEL_CODE);
  fresh((void (*)(void))task_entry);
  task.ds = 0x5000;
  behind_the_switch("DS beyond the GDT", TS, 0x5000);
  fresh((void (*)(void))task_entry);
  task.ldt = KERNEL_DATA;
  behind_the_switch("an LDT that is none", TS, KERNEL_DATA);
  fresh((void (*)(void))task_entry);
  gdt[LDT / 8] = gdt[KERNEL_DATA / 8] & ~(0x80ull << 40);
  task.es = LDT;
  behind_the_switch("ES that is not present", NP, LDT);
}

static void local_table(void) {
  fresh((void (*)(void))task_entry);
  ldt[1] = gdt[KERNEL_DATA / 8];
  slot((LDT - FREE) / 8, ADDRESS(ldt), sizeof ldt - 1, 0x82);
  task.ldt = LDT;
  task.ds = 0x0c;
  FAR("lcall *", TASK);
  check_none("a task with an LDT");
  check("LDTR", came[7] & 0xffff, LDT);
  check("DS from it", came[4] & 0xffff, 0x0c);
  u16 selector;
  asm volatile("sldt %0" : "=r"(selector));
  check("the old task has none", selector, 0);
}

/* The trap is the new task's, which then goes on. */
static int keep_trap(struct frame *frame) {
  if (frame->vector != DB) return 0;
  events++;
  event.eip = frame->eip;
  return 1;
}

static void debugging(void) {
  fresh((void (*)(void))task_entry);
  task.trap = 1;
  task.esp0 = tss.esp0, task.ss0 = tss.ss0;
  u32 dr7;
  asm volatile("mov %0, %%dr7" : : "r"(0x402));
  asm volatile("mov %0, %%dr7" : : "r"(0x755));
  asm volatile("mov %0, %%dr0; mov %0, %%dr1; mov %0, %%dr2; mov %0, %%dr3" : : "r"(0xfffff000));
  asm volatile("mov %0, %%dr6" : : "r"(0xffff0ff0));
  hook = keep_trap;
  FAR("lcall *", TASK);
  hook = 0;
  check("a TSS with T traps", events, 1);
  check("before the first instruction", event.eip, ADDRESS(task_entry));
  u32 dr6;
  asm volatile("mov %%dr6, %0; mov %%dr7, %1" : "=r"(dr6), "=r"(dr7));
  check("DR6.BT", dr6 & 0x8000, 0x8000);
  check("local breakpoints are off, global ones not", dr7 & 0x3ff, 0x200);
  asm volatile("mov %0, %%dr7; mov %1, %%dr6" : : "r"(0x400), "r"(0xffff0ff0));
}

static void user_call(void) {
  asm volatile("lcall $0x30, $0" : : : "memory");
  asm volatile("int $0x80");
}

static void privilege(void) {
  fresh((void (*)(void))task_entry);
  events = 0;
  resume_at = 0;
  extern u8 user_after[];
  asm volatile("movl $user_after, resume_at" : : : "memory");
  enter_user(ADDRESS(user_call), ADDRESS(user_stack + sizeof user_stack));
  check("CALL of a supervisor's TSS from user mode", event.vector << 16 | event.error, GP << 16 | TASK);
  fresh((void (*)(void))task_entry);
  tss_slot(TASK, &task, sizeof task, 0xe9);
  events = 0;
  enter_user(ADDRESS(user_call), ADDRESS(user_stack + sizeof user_stack));
  check("CALL of a user's TSS", events, 0);
  check("runs at the task's privilege", came[3] & 0xffff, KERNEL_CODE);
}
asm("user_after: int $0x80");

void main(void) {
  setup();
  turn_paging_on();
  tss.cr3 = ADDRESS(page_directory); /* which switches load, but do not store */
  calls();
  jumps();
  refusals();
  sixteen();
  through_idt();
  broken();
  local_table();
  debugging();
  privilege();
  leave();
}
