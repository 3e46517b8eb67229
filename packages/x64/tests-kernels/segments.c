/* Segmentation in long mode: loads and their faults, far transfers, call gates, compatibility mode, fast system calls. */
#include "kernel.h"

/* The instruction under test gets its selector in CX. */
#define LOAD(selector, register) ATTEMPT("mov %%ecx, %%" register, "c"(selector))
#define DATA(type, dpl, present) (0x00c000000000fffful | 0xful << 48 | (u64)((type) | 0x10 | (dpl) << 5 | (present) << 7) << 40)

static u64 free_slot(u32 index, u64 descriptor) {
  gdt[FREE / 8 + index] = descriptor;
  return FREE + index * 8;
}

static void loads(void) {
  u16 value;
  asm volatile("lldt %w0" : : "r"(0));
  LOAD(0, "es");
  check_none("a null selector");
  LOAD(3, "es");
  check_none("a null selector with RPL 3");
  asm volatile("mov %%es, %0" : "=r"(value));
  check("keeps its RPL", value, 3);
  LOAD(0x3000, "es");
  check_fault("a selector beyond the GDT", GP, 0x3000);
  LOAD(0x14, "es");
  check_fault("an LDT selector without an LDT", GP, 0x14);
  LOAD(free_slot(0, DATA(2, 0, 0)), "es");
  check_fault("a data segment that is not present", NP, FREE);
  LOAD(free_slot(0, DATA(2, 0, 1)), "es");
  check_none("a data segment");
  check("becomes accessed", gdt[FREE / 8] >> 40 & 1, 1);
  LOAD(free_slot(0, DATA(8, 0, 1)), "es");
  check_fault("code that cannot be read", GP, FREE);
  LOAD(free_slot(0, DATA(10, 0, 1)), "es");
  check_none("code that can be read");
  LOAD(free_slot(0, DATA(2, 0, 1)) | 3, "es");
  check_fault("RPL 3 for a DPL 0 segment", GP, FREE);
  LOAD(free_slot(0, DATA(14, 0, 1)) | 3, "es");
  check_none("RPL 3 for a conforming one");
  LOAD(TSS, "es");
  check_fault("a system segment", GP, TSS);
  LOAD(0, "ss");
  check_none("a null SS at CPL 0");
  LOAD(3, "ss");
  check_fault("a null SS with another RPL", GP, 0);
  LOAD(free_slot(0, DATA(0, 0, 1)), "ss");
  check_fault("a read-only SS", GP, FREE);
  LOAD(free_slot(0, DATA(2, 3, 1)), "ss");
  check_fault("an SS of another DPL", GP, FREE);
  LOAD(free_slot(0, DATA(2, 0, 0)), "ss");
  check_fault("an SS that is not present", SS, FREE);
  LOAD(KERNEL_CODE, "ss");
  check_fault("code as SS", GP, KERNEL_CODE);
  LOAD(KERNEL_DATA, "ss");
  check_none("a good SS");
  asm volatile("mov %0, %%es; mov %1, %%es" : : "r"(0), "r"(KERNEL_DATA));
}

static u64 ldt[4] __attribute__((aligned(16)));

static void tables(void) {
  u64 base = ADDRESS(ldt);
  u16 value;
  ldt[1] = DATA(2, 0, 1);
  free_slot(0, (sizeof ldt - 1) | (base & 0xffffff) << 16 | 0x82ul << 40);
  free_slot(1, base >> 32);
  ATTEMPT("lldt %%cx", "c"(KERNEL_DATA));
  check_fault("LLDT of a data segment", GP, KERNEL_DATA);
  ATTEMPT("lldt %%cx", "c"(FREE));
  check_none("LLDT");
  asm volatile("sldt %0" : "=r"(value));
  check("SLDT", value, FREE);
  LOAD(0x0c, "es");
  check_none("a segment from the LDT");
  LOAD(0x24, "es");
  check_fault("a selector beyond the LDT", GP, 0x24);
  asm volatile("lldt %w0" : : "r"(0));
  LOAD(0x0c, "es");
  check_fault("LLDT of null takes it away", GP, 0x0c);
  ATTEMPT("ltr %%cx", "c"(TSS));
  check_fault("LTR of a busy TSS", GP, TSS);
  asm volatile("str %0" : "=r"(value));
  check("STR", value, TSS);
  check("the TSS is busy", gdt[TSS / 8] >> 40 & 0xf, 11);
  struct pointer stored;
  asm volatile("sgdt %0" : "=m"(stored));
  check("SGDT: base", stored.base, ADDRESS(gdt));
  asm volatile("mov %0, %%es" : : "r"(KERNEL_DATA));
}

#define QUESTION(instruction, selector, zf, result)                                                                   \
  asm volatile("mov $-1, %%rax; " instruction " %%ecx, %%eax; setz %0; mov %%rax, %1" : "=&r"(zf), "=&r"(result)      \
               : "c"(selector) : "rax", "cc")

static void questions(void) {
  u8 zf;
  u64 result;
  QUESTION("lar", KERNEL_CODE, zf, result);
  check("LAR of code", result, 0x00a09b00);
  check("ZF", zf, 1);
  QUESTION("lar", 0x3000, zf, result);
  check("LAR of nothing leaves the register", result, ~0ul);
  check("ZF is clear", zf, 0);
  QUESTION("lsl", USER_DATA, zf, result);
  check("LSL with granularity", result, 0xffffffff);
  QUESTION("lsl", TSS, zf, result);
  check("LSL of a TSS", result, sizeof tss - 1);
  QUESTION("lar", 0, zf, result);
  check("LAR of null", zf, 0);
  asm volatile("verw %w1; setz %0" : "=q"(zf) : "r"(KERNEL_DATA));
  check("VERW of data", zf, 1);
  asm volatile("verw %w1; setz %0" : "=q"(zf) : "r"(KERNEL_CODE));
  check("VERW of code", zf, 0);
  asm volatile("verr %w1; setz %0" : "=q"(zf) : "r"(KERNEL_CODE));
  check("VERR of readable code", zf, 1);
  asm volatile("verr %w1; setz %0" : "=q"(zf) : "r"(KERNEL_DATA | 3));
  check("VERR with an RPL that may not", zf, 0);
}

struct far { u64 offset; u16 selector; } __attribute__((packed));
volatile u64 seen[8];

/* Far jump or call through memory with a 64-bit offset. */
#define FAR(instruction, pointer)                                                                                     \
  do {                                                                                                                 \
    clear();                                                                                                           \
    asm volatile("lea 2f(%%rip), %%rax\n\tmov %%rax, faulting(%%rip)\n\tlea 1f(%%rip), %%rax\n\t"                      \
                 "mov %%rax, resume_at(%%rip)\n\tmov %%rsp, %%rbx\n2:\t" instruction " %0\n1:\tmov %%rbx, %%rsp\n\t"   \
                 "movq $0, resume_at(%%rip)" : : "m"(pointer) : "rax", "rbx", "rcx", "rdx", "memory");                 \
  } while (0)

extern u8 far_target[], gate_target[];
asm("far_target: mov %cs, %eax; mov %rax, seen(%rip); mov %rsp, seen+8(%rip); mov (%rsp), %rax; mov %rax, seen+16(%rip)\n"
    "mov 8(%rsp), %rax; mov %rax, seen+24(%rip); lretq\n"
    "gate_target: mov %cs, %eax; mov %rax, seen(%rip); mov %rsp, seen+8(%rip); mov %ss, %eax; mov %rax, seen+16(%rip)\n"
    "mov 24(%rsp), %rax; mov %rax, seen+24(%rip); mov 16(%rsp), %rax; mov %rax, seen+32(%rip); mov 8(%rsp), %rax\n"
    "mov %rax, seen+40(%rip); lretq");

static void transfers(void) {
  struct far to = { ADDRESS(far_target), KERNEL_CODE };
  FAR("rex.w lcall *", to);
  check_none("a far call");
  check("runs its target", seen[0], KERNEL_CODE);
  check("pushed CS", seen[3], KERNEL_CODE);
  to.selector = 0;
  FAR("rex.w ljmp *", to);
  check_fault("a far jump to null", GP, 0);
  to.selector = KERNEL_DATA;
  FAR("rex.w ljmp *", to);
  check_fault("to data", GP, KERNEL_DATA);
  to.selector = USER_CODE;
  FAR("rex.w ljmp *", to);
  check_fault("to user code", GP, USER_CODE & ~3u);
  to.selector = free_slot(0, 0x00af1b000000fffful);
  FAR("rex.w lcall *", to);
  check_fault("to code that is not present", NP, FREE);
  to.selector = free_slot(0, 0x00ef9b000000fffful);
  FAR("rex.w lcall *", to);
  check_fault("to code with L and D", GP, FREE);
  to.selector = KERNEL_CODE;
  to.offset = 1ul << 47;
  FAR("rex.w ljmp *", to);
  check_fault("to an offset that is not canonical", GP, 0);
  to.selector = TSS;
  FAR("rex.w ljmp *", to);
  check_fault("to a TSS", GP, TSS);

  u64 at = ADDRESS(gate_target);
  free_slot(0, (at & 0xffff) | (u64)KERNEL_CODE << 16 | 0x8cul << 40 | (at >> 16 & 0xffff) << 48);
  free_slot(1, at >> 32);
  to.offset = 0x123456789, to.selector = FREE;
  FAR("rex.w lcall *", to);
  check_none("a call gate to the same level");
  check("runs its target", seen[0], KERNEL_CODE);
  gdt[FREE / 8] &= ~(0x80ul << 40);
  FAR("rex.w lcall *", to);
  check_fault("a call gate that is not present", NP, FREE);
  gdt[FREE / 8] |= 0x80ul << 40;
  gdt[FREE / 8 + 1] |= 0x10ul << 40;
  FAR("rex.w lcall *", to);
  check_fault("a call gate whose upper half has a type", GP, FREE);
  gdt[FREE / 8 + 1] &= ~(0x10ul << 40);
}

static struct far user_pointer;
static void user_gate(void) {
  FAR("rex.w lcall *", user_pointer);
  USER_DONE();
}

static void gates_from_user_mode(void) {
  u64 at = ADDRESS(gate_target);
  user_pointer.selector = FREE | 3;
  run_user(user_gate);
  check_fault("a supervisor call gate from user mode", GP, FREE);
  free_slot(0, (at & 0xffff) | (u64)KERNEL_CODE << 16 | 0xecul << 40 | (at >> 16 & 0xffff) << 48);
  run_user(user_gate);
  check_none("a user call gate");
  check("runs in the kernel", seen[0], KERNEL_CODE);
  check("on RSP0", seen[1], tss.rsp[0] - 32);
  check("with a null stack segment", seen[2], 0);
  check("the caller's SS", seen[3], USER_DATA);
  check("the caller's CS", seen[5], USER_CODE);
}

/* 32-bit code in compatibility mode, in low memory where the kernel runs. */
extern u8 compat_entry[];
asm(".code32\ncompat_entry:\n"
    "mov $0x12345678, %ecx; inc %ecx; push %ecx; mov %esp, seen; pop seen+8; mov %cs, %eax; mov %eax, seen+16\n"
    "xor %edx, %edx; dec %edx; mov %edx, seen+24\n"
    "xor %eax, %eax; .byte 0x40\n"    /* INC EAX here, REX in 64-bit code */
    "mov %eax, seen+32\n"
    "ljmp $0x08, $compat_back\n.code64\ncompat_back: lretq");
extern u8 compat_user_entry[];
asm(".code32\ncompat_user_entry:\n mov %cs, %eax; mov %eax, %esi; int $0x95; mov $0x77, %eax; syscall; ud2\n.code64");

static int remember(struct frame *frame) {
  if (frame->vector != 0x95) return 0;
  event.vector = frame->vector;
  event.cs = frame->cs;
  event.ss = frame->ss;
  event.rsp = frame->rsp;
  seen[7] = frame->rsi;
  return 1;
}

extern u8 syscall_entry[], syscall_compat_entry[];
volatile u64 call_seen[8];
asm("syscall_entry: mov %rcx, call_seen(%rip); mov %r11, call_seen+8(%rip); mov %rsp, call_seen+16(%rip); pushfq\n"
    "pop call_seen+24(%rip); mov %cs, call_seen+32(%rip); mov %ss, call_seen+40(%rip); mov %rax, call_seen+48(%rip)\n"
    "cmp $2, %rax; je 1f; rex.w sysret\n1: mov saved_rsp(%rip), %rsp; jmp resume_kernel\n"
    "syscall_compat_entry: mov %rcx, call_seen(%rip); mov $1, %eax; mov %rax, call_seen+56(%rip); jmp resume_kernel");

static void user_syscall(void) {
  u64 after, rcx, r11;
  asm volatile("mov $1, %%eax; syscall; mov %%rcx, %0; mov %%r11, %1; mov %%rsp, %2" : "=&r"(rcx), "=&r"(r11), "=&r"(after)
               : : "rax", "rcx", "r11", "memory");
  seen[4] = rcx;
  seen[5] = r11;
  u16 cs, ss;
  asm volatile("mov %%cs, %0; mov %%ss, %1" : "=r"(cs), "=r"(ss));
  seen[6] = cs;
  seen[7] = ss;
  asm volatile("mov $2, %%eax; syscall" : : : "rax", "rcx", "r11", "memory");
}

static void fast_calls(void) {
  wrmsr(0xc0000081, (u64)KERNEL_CODE << 32 | (u64)(USER_CODE32 & ~3ul) << 48);
  wrmsr(0xc0000082, ADDRESS(syscall_entry));
  wrmsr(0xc0000083, ADDRESS(syscall_compat_entry));
  wrmsr(0xc0000084, 0x700);
  run_user(user_syscall);
  check("SYSCALL: RCX is the next instruction", call_seen[0] >> 32, USER_BASE >> 32);
  check("SYSRET went there", seen[4] >> 32, USER_BASE >> 32);
  check("R11 holds the flags", seen[5] & 0x302, 2);
  check("the mask clears IF, TF, DF", call_seen[3] & 0x700, 0);
  check("CS in the kernel", call_seen[4] & 0xffff, KERNEL_CODE);
  check("SS in the kernel", call_seen[5] & 0xffff, KERNEL_DATA);
  check("CS after SYSRET", seen[6], USER_CODE);
  check("SS after SYSRET", seen[7], USER_DATA);
  ATTEMPT("wrmsr", "c"(0xc0000082), "d"(0x8000));
  check_fault("LSTAR must be canonical", GP, 0);
  wrmsr(0xc0000080, rdmsr(0xc0000080) & ~1ul);
  ATTEMPT("syscall", "i"(0));
  check_fault("SYSCALL without EFER.SCE", UD, NO_ERROR);
  ATTEMPT("sysret", "i"(0));
  check_fault("SYSRET without EFER.SCE", UD, NO_ERROR);
  wrmsr(0xc0000080, rdmsr(0xc0000080) | 1);
  ATTEMPT("sysenter", "i"(0));
  check_fault("SYSENTER in long mode, on AMD", UD, NO_ERROR);
}

static void compatibility(void) {
  struct far to = { ADDRESS(compat_entry), KERNEL_CODE32 };
  FAR("rex.w lcall *", to);
  check("32-bit code ran", seen[1] & 0xffffffff, 0x12345679);
  check("its CS", seen[2] & 0xffff, KERNEL_CODE32);
  check("40h is INC", seen[4] & 0xffffffff, 1);
  /* To user mode: IRET to 32-bit code, whose pages are user pages at an address that fits. */
  page_directory_kernel[0] |= 4;
  page_pdpt_kernel[0] |= 4;
  page_pml4[0] |= 4;
  WRITE_CR(3, READ_CR(3));
  WRITE_CR(4, READ_CR(4) & ~0x80ul);
  WRITE_CR(4, READ_CR(4) | 0x80);
  idt[0x95].type = 0xee;
  hook = remember;
  call_seen[7] = 0;
  enter_user(ADDRESS(compat_user_entry), ADDRESS(user_stack + 4096), USER_CODE32, USER_DATA, 2);
  hook = 0;
  check("INT from compatibility mode", event.vector, 0x95);
  check("its saved CS", event.cs, USER_CODE32);
  check("its saved SS", event.ss, USER_DATA);
  check("its saved RSP", event.rsp, ADDRESS(user_stack + 4096));
  check("its CS as it sees it", seen[7], USER_CODE32);
  check("SYSCALL from compatibility mode goes to CSTAR", call_seen[7], 1);
  check("with RCX", call_seen[0], ADDRESS(compat_user_entry) + 13);
  page_directory_kernel[0] &= ~4ul;
  page_pdpt_kernel[0] &= ~4ul;
  page_pml4[0] &= ~4ul;
  WRITE_CR(4, READ_CR(4) & ~0x80ul);
  WRITE_CR(4, READ_CR(4) | 0x80);
}

static void bases(void) {
  static u64 values[4] = { 11, 22, 33, 44 };
  u64 value;
  wrmsr(0xc0000100, ADDRESS(values));
  wrmsr(0xc0000101, ADDRESS(values + 1));
  wrmsr(0xc0000102, ADDRESS(values + 2));
  asm volatile("mov %%fs:0, %0" : "=r"(value));
  check("FS base", value, 11);
  asm volatile("mov %%gs:8, %0" : "=r"(value));
  check("GS base", value, 33);
  asm volatile("swapgs; mov %%gs:8, %0; swapgs" : "=r"(value));
  check("SWAPGS", value, 44);
  check("and back", rdmsr(0xc0000101), ADDRESS(values + 1));
  ATTEMPT("wrmsr", "c"(0xc0000100), "d"(0x8000));
  check_fault("FS base must be canonical", GP, 0);
}

/* Returns with IRET and far RET: what they refuse. */
u64 return_rsp;
extern u8 iret_back[];
asm("iret_back: jmp *resume_at(%rip)");
static void returns(void) {
  clear();
  /* To a code selector that is null: faults at the IRET, with the frame still there. */
#define IRET(cs, ss, rip)                                                                                             \
  clear();                                                                                                             \
  asm volatile("lea 2f(%%rip), %%rax\n\tmov %%rax, faulting(%%rip)\n\tlea 1f(%%rip), %%rax\n\tmov %%rax, resume_at(%%rip)\n\t" \
               "mov %%rsp, %%rbx\n\tmov %%rsp, return_rsp(%%rip)\n\tpush %0\n\tpush %%rbx\n\tpushfq\n\tpush %1\n\tpush %2\n" \
               "2:\tiretq\n1:\tmov %%rbx, %%rsp\n\tmovq $0, resume_at(%%rip)" : : "r"((u64)(ss)), "r"((u64)(cs)), "r"((u64)(rip)) \
               : "rax", "rbx", "memory", "cc")
  IRET(0, KERNEL_DATA, ADDRESS(far_target));
  check_fault("IRET to a null CS", GP, 0);
  IRET(KERNEL_DATA, KERNEL_DATA, ADDRESS(far_target));
  check_fault("IRET to data", GP, KERNEL_DATA);
  IRET(KERNEL_CODE, USER_DATA, ADDRESS(far_target));
  check_fault("IRET with a stack of another level", GP, USER_DATA & ~3u);
  IRET(USER_CODE, KERNEL_DATA, ADDRESS(far_target));
  check_fault("IRET to user mode with a kernel stack", GP, KERNEL_DATA);
  IRET(USER_CODE, 0, ADDRESS(far_target));
  check_fault("IRET to user mode with a null stack", GP, 0);
  IRET(KERNEL_CODE, KERNEL_DATA, 1ul << 47);
  check_fault("IRET to an address that is not canonical", GP, 0);
  check("the frame is still there", event.rsp, return_rsp - 40);
  asm volatile("pushfq; orl $0x4000, (%%rsp); popfq" : : : "memory");
  IRET(KERNEL_CODE, KERNEL_DATA, ADDRESS(far_target));
  check_fault("IRET with NT in long mode", GP, 0);
  asm volatile("pushfq; andl $~0x4000, (%%rsp); popfq" : : : "memory");
  IRET(KERNEL_CODE, 0, ADDRESS(iret_back));
  check_none("IRET with a null stack in the kernel");
  asm volatile("mov %0, %%ss" : : "r"(KERNEL_DATA));
}

/* QEMU accepts these, and nothing works afterwards: they come last, and only where they are refused. */
static void refused(void) {
  if (on_qemu()) return;
  struct pointer bad = { 15, 1ul << 60 };
  ATTEMPT("lgdt %0", "m"(bad));
  check_fault("LGDT of a base that is not canonical", GP, 0);
  ATTEMPT("ltr %%cx", "c"(0));
  check_fault("LTR of null", GP, 0);
}

void test(void) {
  loads();
  tables();
  questions();
  transfers();
  gates_from_user_mode();
  fast_calls();
  compatibility();
  bases();
  returns();
  refused();
}
