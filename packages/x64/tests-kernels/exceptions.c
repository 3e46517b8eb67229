/* Exceptions and interrupts in long mode: every vector a program can cause, frames, IST, nesting, shadows, single step. */
#include "kernel.h"

static volatile u64 counter, first_rip, second_rip;
static u8 code[64] __attribute__((aligned(64)));

/* ATTEMPT with set-up in front of the instruction. */
#define AFTER(setup, instruction, ...)                                                                                \
  do {                                                                                                                 \
    clear();                                                                                                           \
    asm volatile("lea 2f(%%rip), %%rax\n\tmov %%rax, faulting(%%rip)\n\tlea 1f(%%rip), %%rax\n\t"                      \
                 "mov %%rax, resume_at(%%rip)\n\tmov %%rsp, %%rbx\n\t" setup "\n2:\t" instruction "\n1:\t"              \
                 "mov %%rbx, %%rsp\n\tmovq $0, resume_at(%%rip)" : : __VA_ARGS__                                       \
                 : "rax", "rbx", "rcx", "rdx", "rsi", "memory", "cc");                                                 \
  } while (0)

static void vectors(void) {
  AFTER("xor %%edx, %%edx; xor %%ecx, %%ecx; mov $1, %%eax", "div %%ecx", "i"(0));
  check_fault("DIV by zero", DE, NO_ERROR);
  AFTER("mov $2, %%edx; mov $1, %%ecx", "div %%ecx", "i"(0));
  check_fault("DIV that overflows", DE, NO_ERROR);
  AFTER("", "int3", "i"(0));
  check("INT3: vector", event.vector, BP);
  check("INT3 is a trap", event.rip - faulting, 1);
  AFTER("", "int $0x81", "i"(0));
  check("INT n: vector", event.vector, 0x81);
  check("INT n returns behind itself", event.rip - faulting, 2);
  check("no error code", event.error, NO_ERROR);
  AFTER("", ".byte 0xf1", "i"(0));
  check("INT1: vector", event.vector, DB);
  check("INT1 is a trap", event.rip - faulting, 1);
  AFTER("", "ud2", "i"(0));
  check_fault("UD2", UD, NO_ERROR);
  AFTER("", ".byte 0x06", "i"(0));
  check_fault("PUSH ES does not exist in 64-bit mode", UD, NO_ERROR);
  AFTER("", ".byte 0xf0, 0x90", "i"(0));
  check_fault("LOCK NOP", UD, NO_ERROR);
  AFTER("", ".byte 0xf0, 0x01, 0xc0", "i"(0));
  check_fault("LOCK with a register destination", UD, NO_ERROR);
  AFTER("", ".byte 0xf0, 0x8b, 0x03", "i"(0));
  check_fault("LOCK on a load", UD, NO_ERROR);
  WRITE_CR(0, READ_CR(0) | 8);
  AFTER("", "fninit", "i"(0));
  check_fault("x87 with CR0.TS", NM, NO_ERROR);
  asm volatile("clts");
  AFTER("", "fninit", "i"(0));
  check_none("CLTS allows it again");
  AFTER("", ".byte 0x0f, 0x20, 0xc8", "i"(0));
  check_fault("MOV from CR1", UD, NO_ERROR);
  AFTER("mov $0xc0ffee00, %%ecx", "rdmsr", "i"(0));
  check_fault("RDMSR of an unknown register", GP, 0);
  AFTER("mov $0x10, %%ecx; mov %%ecx, %%fs; mov $0x5000, %%ecx", "mov %%ecx, %%fs", "i"(0));
  check_fault("a selector beyond the GDT", GP, 0x5000);
  AFTER("", "int $0x90", "i"(0));
  check("a software interrupt whose gate is good", event.vector, 0x90);
  idt[0x90].type = 0x0e;
  AFTER("", "int $0x90", "i"(0));
  check_fault("a gate that is not present", NP, 0x90 * 8 + 2);
  idt[0x90].type = 0x85;
  AFTER("", "int $0x90", "i"(0));
  check_fault("a gate of the wrong type", GP, 0x90 * 8 + 2);
  idt[0x90].type = 0x8e;
  idt[0x90].selector = 0;
  AFTER("", "int $0x90", "i"(0));
  check_fault("a gate with a null selector", GP, 0);
  idt[0x90].selector = KERNEL_DATA;
  AFTER("", "int $0x90", "i"(0));
  check_fault("a gate to a data segment", GP, KERNEL_DATA);
  idt[0x90].selector = KERNEL_CODE32;
  AFTER("", "int $0x90", "i"(0));
  check_fault("a gate to 32-bit code", GP, KERNEL_CODE32);
  idt[0x90].selector = 0x3000;
  AFTER("", "int $0x90", "i"(0));
  check_fault("a gate beyond the GDT", GP, 0x3000);
  set_gate(0x90, vector_table[0x90], KERNEL_CODE, 0x8e, 0);
  struct pointer small = { 0x90 * 16 - 1, ADDRESS(idt) }, whole = { sizeof idt - 1, ADDRESS(idt) };
  asm volatile("lidt %0" : : "m"(small));
  AFTER("", "int $0x90", "i"(0));
  check_fault("a vector beyond the IDT", GP, 0x90 * 8 + 2);
  asm volatile("lidt %0" : : "m"(whole));
}

static void frames(void) {
  u64 rsp;
  clear();
  asm volatile("mov %%rsp, %0; int $0x91" : "=r"(rsp) : : "memory");
  check("the saved stack pointer", event.rsp, rsp);
  check("the saved stack segment", event.ss, KERNEL_DATA);
  check("the saved code segment", event.cs, KERNEL_CODE);
  check("the handler's code segment", event.handler_cs, KERNEL_CODE);
  check("the frame is below, aligned to 16", (event.handler_rsp + sizeof(struct frame)) - (rsp & ~15ul), 0);
  asm volatile("sub $24, %%rsp; int $0x91; add $24, %%rsp" : : : "memory");
  check("the frame is aligned from an odd stack", (event.handler_rsp + sizeof(struct frame)) & 15, 0);
  asm volatile("sti; nop; int $0x91; cli" : : : "memory");
  check("IF was on", event.flags & 0x200, 0x200);
  check("an interrupt gate turns IF off", event.handler_flags & 0x200, 0);
  idt[0x91].type = 0x8f;
  asm volatile("sti; nop; int $0x91; cli" : : : "memory");
  check("a trap gate leaves IF on", event.handler_flags & 0x200, 0x200);
  asm volatile("pushfq; orl $0x4000, (%%rsp); popfq; int $0x91; pushfq; andl $~0x4000, (%%rsp); popfq" : : : "memory");
  check("NT was set", event.flags & 0x4000, 0x4000);
  check("NT is clear in the handler", event.handler_flags & 0x4000, 0);
  idt[0x91].ist = 1;
  clear();
  asm volatile("mov %%rsp, %0; int $0x91" : "=r"(rsp) : : "memory");
  check("IST takes the handler's stack from the TSS", event.handler_rsp + sizeof(struct frame), tss.ist[0]);
  check("and saves the old one", event.rsp, rsp);
  idt[0x91].ist = 0;
}

static void user_int(void) {
  asm volatile("int $0x92" : : : "memory");
  USER_DONE();
}
static void user_privileged(void) {
  ATTEMPT("hlt", "i"(0));
  USER_DONE();
}
static void user_cli(void) {
  ATTEMPT("cli", "i"(0));
  USER_DONE();
}
static void user_gate(void) {
  ATTEMPT("int $0x93", "i"(0));
  USER_DONE();
}
static void user_int3(void) {
  asm volatile("int3" : : : "memory");
  USER_DONE();
}
static void user_cr(void) {
  ATTEMPT("mov %%cr0, %%rax", "i"(0));
  USER_DONE();
}
static void user_io(void) {
  ATTEMPT("outb %%al, $0x80", "i"(0));
  USER_DONE();
}
static volatile u64 popped;
static void user_popf(void) {
  asm volatile("pushfq; orl $0x3200, (%%rsp); popfq; pushfq; pop %0" : "=r"(popped) : : "memory");
  USER_DONE();
}

static void from_user_mode(void) {
  idt[0x92].type = 0xee;
  clear();
  run_user(user_int);
  check("INT from user mode: vector", event.vector, 0x92);
  check("code segment", event.cs, USER_CODE);
  check("stack segment", event.ss, USER_DATA);
  check("the handler's stack is RSP0", event.handler_rsp + sizeof(struct frame), tss.rsp[0]);
  check("SS is null in the handler", event.handler_ss, 0);
  run_user(user_privileged);
  check_fault("HLT in user mode", GP, 0);
  run_user(user_cli);
  check_fault("CLI in user mode", GP, 0);
  run_user(user_cr);
  check_fault("MOV from CR0 in user mode", GP, 0);
  run_user(user_io);
  check_fault("OUT in user mode without a permission map", GP, 0);
  run_user(user_gate);
  check_fault("INT n through a supervisor gate", GP, 0x93 * 8 + 2);
  clear();
  run_user(user_int3);
  check("INT3 from user mode", event.vector, BP);
  run_user(user_popf);
  check("POPF in user mode changes neither IF nor IOPL", popped & 0x3200, 0);
  idt[0x92].ist = 1;
  run_user(user_int);
  check("IST from user mode", event.handler_rsp + sizeof(struct frame), tss.ist[0]);
  idt[0x92].ist = 0;
}

/* A TSS with a permission map for ports 0-FFh: 80h is allowed. */
static struct {
  struct tss tss;
  u8 map[33];
} __attribute__((packed)) permissive __attribute__((aligned(64)));

static void user_io_81(void) {
  ATTEMPT("outb %%al, $0x81", "i"(0));
  USER_DONE();
}
static void user_io_word(void) {
  ATTEMPT("outw %%ax, $0x80", "i"(0));
  USER_DONE();
}
static void user_io_far(void) {
  ATTEMPT("outb %%al, %%dx", "d"(0x3f8));
  USER_DONE();
}

static void ports(void) {
  u64 base = ADDRESS(&permissive);
  permissive.tss = tss;
  for (u32 i = 0; i < sizeof permissive.map; i++) permissive.map[i] = 0xff;
  permissive.map[0x80 / 8] = 0xfe;
  permissive.tss.io_map = sizeof tss;
  gdt[FREE / 8] = (sizeof permissive - 1) | (base & 0xffffff) << 16 | 0x89ul << 40 | (base >> 24 & 0xff) << 56;
  gdt[FREE / 8 + 1] = base >> 32;
  asm volatile("ltr %w0" : : "r"(FREE));
  run_user(user_io);
  check_none("a port that the map allows");
  run_user(user_io_81);
  check_fault("its neighbour", GP, 0);
  run_user(user_io_word);
  check_fault("a word over both", GP, 0);
  run_user(user_io_far);
  check_fault("a port beyond the map", GP, 0);
  enter_user(USER(user_io_81), USER(user_stack + sizeof user_stack - 8), USER_CODE, USER_DATA, 0x3002);
  check_none("any port with IOPL 3");
  gdt[TSS / 8] &= ~(2ul << 40);
  asm volatile("ltr %w0" : : "r"(TSS));
}

static int count_steps(struct frame *frame) {
  if (frame->vector != DB) return 0;
  if (!counter) first_rip = frame->rip;
  second_rip = frame->rip;
  counter++;
  event.dr6 = READ_DR(6);
  if (event.dr6 & 1) frame->flags |= 0x10000; /* RF: the processor leaves it to the handler */
  WRITE_DR(6, 0);
  return 1;
}

static void single_step(void) {
  hook = count_steps;
  counter = 0;
  u64 label, after;
  asm volatile("pushfq; orl $0x100, (%%rsp); popfq\n"
               "1:\tnop\n2:\tnop\n\tnop\n\tpushfq; andl $~0x100, (%%rsp); popfq\n3:\tlea 2b(%%rip), %0; lea 3b(%%rip), %1"
               : "=r"(label), "=r"(after) : : "memory");
  check("the first step comes behind the instruction after POPF", first_rip, label);
  check("one step per instruction, the last behind the POPF that ends it", counter, 6);
  check("RIP of the last", second_rip, after);
  check("DR6.BS", event.dr6 & 0x4000, 0x4000);
  counter = 0;
  u8 bytes[40];
  asm volatile("lea %2, %%rdi; mov $5, %%ecx; xor %%eax, %%eax; pushfq; orl $0x100, (%%rsp); popfq\n"
               "1:\trep stosb\n2:\tpushfq; andl $~0x100, (%%rsp); popfq\n\tlea 1b(%%rip), %0; lea 2b(%%rip), %1"
               : "=&r"(label), "=&r"(after), "=m"(bytes) : : "memory", "rdi", "rcx", "rax");
  check("REP STOSB steps by iteration", counter, 5 + 3);
  check("and stays at its address", first_rip, label);
  counter = 0;
  asm volatile("pushfq; orl $0x100, (%%rsp); popfq\n"
               "\tmov %%ss, %%eax\n\tmov %%eax, %%ss\n\tnop\n\tpushfq; andl $~0x100, (%%rsp); popfq" : : : "memory", "rax");
  check("MOV SS holds the step back by one instruction", counter, 5);
  hook = 0;
}

static void breakpoints(void) {
  hook = count_steps;
  counter = 0;
  u64 label, dummy;
  asm volatile("lea 1f(%%rip), %0; mov %0, %%dr0; mov $1, %%eax; mov %%rax, %%dr7; nop\n1:\tnop; xor %%eax, %%eax; mov %%rax, %%dr7"
               : "=&r"(label) : : "rax", "memory");
  check("an instruction breakpoint hits once: RF", counter, 1);
  check("before the instruction runs", first_rip, label);
  check("DR6.B0", event.dr6 & 0x400f, 1);
  counter = 0;
  static volatile u64 watched;
  WRITE_DR(1, ADDRESS(&watched));
  WRITE_DR(7, 4 | 1ul << 20 | 3ul << 22); /* DR1, on writes, four bytes */
  asm volatile("movl $1, %0\n1:\tnop\n\tlea 1b(%%rip), %1" : "=m"(watched), "=r"(label) : : "memory");
  WRITE_DR(7, 0);
  check("a data breakpoint hits on a write", counter, 1);
  check("behind the instruction", first_rip, label);
  check("DR6.B1", event.dr6 & 0x400f, 2);
  counter = 0;
  WRITE_DR(7, 4 | 1ul << 20 | 3ul << 22);
  dummy = watched;
  asm volatile("" : : "r"(dummy));
  check("not on a read", counter, 0);
  WRITE_DR(7, 4 | 3ul << 20 | 3ul << 22);
  asm volatile("mov %1, %%eax" : "=&a"(dummy) : "m"(watched));
  WRITE_DR(7, 0);
  check("a read-write breakpoint hits on a read", counter, 1);
  hook = 0;
  WRITE_DR(7, 0x2000);
  AFTER("", "mov %%dr0, %%rcx", "i"(0));
  check_fault("DR7.GD guards the debug registers", DB, NO_ERROR);
  check("DR6.BD", event.dr6 & 0x2000, 0x2000);
  WRITE_DR(6, 0);
  check("DR6 reads its fixed ones", READ_DR(6), 0xffff0ff0);
  WRITE_DR(7, 0);
  check("DR7 reads its fixed one", READ_DR(7), 0x400);
}

/* Vector and error of what is delivered, in order. */
static volatile u64 trail[8], trails;
static int keep_trail(struct frame *frame) {
  trail[trails++ & 7] = frame->vector << 16 | (frame->error & 0xffff);
  frame->rip = resume_at;
  return 1;
}

static void double_faults(void) {
  set_gate(DF, vector_table[DF], KERNEL_CODE, 0x8e, 1);
  hook = keep_trail;
  trails = trail[0] = 0;
  idt[UD].type = 0x0e; /* UD is benign: its delivery faults with NP, which is delivered alone */
  AFTER("", "ud2", "i"(0));
  check("a benign exception whose gate is absent gives NP", trail[0], NP << 16 | (UD * 8 + 2) | 1);
  idt[UD].type = 0x8e;
  trails = trail[0] = 0;
  idt[GP].type = 0x0e;
  AFTER("mov $0x5000, %%ecx", "mov %%ecx, %%fs", "i"(0));
  check("GP then NP is a double fault", trail[0], DF << 16);
  idt[GP].type = 0x8e;
  trails = trail[0] = 0;
  idt[PF].type = 0x0e;
  AFTER("", "mov (%0), %%ecx", "r"(TEST_BASE));
  check("PF then NP is a double fault", trail[0], DF << 16);
  idt[PF].type = 0x8e;
  trails = trail[0] = 0;
  /* A page fault while the frame of a GP is pushed is handled as such. */
  AFTER("mov %0, %%rsp; mov $0x5000, %%ecx", "mov %%ecx, %%fs", "r"(TEST_BASE + 0x1000));
  check("GP whose frame page-faults, and again: double fault", trail[0], DF << 16);
  trails = trail[0] = 0;
  idt[PF].ist = 1;
  AFTER("mov %0, %%rsp; mov $0x5000, %%ecx", "mov %%ecx, %%fs", "r"(TEST_BASE + 0x1000));
  check("GP whose frame page-faults is a page fault", trail[0], PF << 16 | 2);
  idt[PF].ist = 0;
  hook = 0;
}

static void shadows(void) {
  u64 flags;
  asm volatile("sti; pushfq; pop %0; cli" : "=r"(flags) : : "memory");
  check("STI sets IF", flags & 0x200, 0x200);
  AFTER("", "cli", "i"(0));
  check_none("CLI in supervisor mode");
}

static void alignment(void) {
  u64 cr0 = READ_CR(0);
  WRITE_CR(0, cr0 | 1 << 18);
  asm volatile("pushfq; orl $0x40000, (%%rsp); popfq" : : : "memory");
  ATTEMPT("mov 1(%0), %%ecx", "r"(code), "c"(0));
  check_none("supervisor mode has no alignment check");
  asm volatile("pushfq; andl $~0x40000, (%%rsp); popfq" : : : "memory");
  WRITE_CR(0, cr0);
}

void test(void) {
  vectors();
  frames();
  from_user_mode();
  ports();
  single_step();
  breakpoints();
  double_faults();
  shadows();
  alignment();
}
