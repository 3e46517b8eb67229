/*
 * 32-bit protected mode: segment limits and types, both page-table formats, user mode through the TSS, call gates with
 * parameters, 16-bit code and gates, SYSENTER. What a compatibility-mode kernel cannot show.
 */
#include "legacy.h"

static void limits(void) {
  u32 at = ADDRESS(page);
  slot(0, at, 15, 0x93);
  ATTEMPT("mov %0, %%es", "movl $1, %%es:12", "r"(FREE));
  check_none("a store at the end of a segment");
  ATTEMPT("mov %0, %%es", "movl $1, %%es:13", "r"(FREE));
  check_fault("a store past its end", GP, 0);
  ATTEMPT("mov %0, %%es", "movb $1, %%es:16", "r"(FREE));
  check_fault("a byte past its end", GP, 0);
  check("the store went to its base", *(u32 *)(page + 12), 1);
  slot(0, at, 15, 0x91);
  ATTEMPT("mov %0, %%es", "movb $1, %%es:0", "r"(FREE));
  check_fault("a store in a read-only segment", GP, 0);
  ATTEMPT("mov %0, %%es", "movb %%es:0, %%al", "r"(FREE));
  check_none("a load from it");
  ATTEMPT("", "movb $1, %%cs:page", "i"(0));
  check_fault("a store in a code segment", GP, 0);
  slot(0, at, 15, 0x97);
  ATTEMPT("mov %0, %%es", "movb $1, %%es:16", "r"(FREE));
  check_none("a store above the limit of a segment that expands down");
  ATTEMPT("mov %0, %%es", "movb $1, %%es:15", "r"(FREE));
  check_fault("a store below it", GP, 0);
  ATTEMPT("mov %0, %%es", "movb $1, %%es:0x10000", "r"(FREE));
  check_fault("a store above 64 KiB of a 16-bit one", GP, 0);
  ATTEMPT("mov %0, %%es", "movb $1, %%es:0", "r"(0));
  check_fault("a store through a null selector", GP, 0);
  slot(1, at, 0xfff, 0x4093);
  ATTEMPT("mov %0, %%ss; mov $0x1000, %%esp; push %%eax; pop %%eax; mov $0x800, %%esp", "nop; mov %1, %%ss", "r"(FREE + 8), "r"(KERNEL_DATA));
  check_none("a stack segment with a base");
  slot(1, 0, 0xfff, 0xc093);
  ATTEMPT("mov %0, %%ss", "movl $0, %%ss:0xfffffe", "r"(FREE + 8));
  check_fault("a store past the end of a stack segment", SS, 0);
  asm volatile("mov %0, %%ss; mov %0, %%es" : : "r"(KERNEL_DATA));
  slot(0, 0, 0xfff, 0x409b);
  struct { u32 offset; u16 selector; } far = { 0x1000, FREE };
  ATTEMPT("", "ljmp *%0", "m"(far));
  check_fault("a jump past the end of a code segment", GP, 0);
}

static volatile u32 *const leaf = (volatile u32 *)page_table;
static void invlpg(u32 at) { asm volatile("invlpg (%0)" : : "r"(at) : "memory"); }

static void two_levels(void) {
  page_directory[TEST_BASE >> 22] = ADDRESS(page_table) | 7;
  leaf[0] = 0;
  ATTEMPT("", "movl (%0), %%eax", "r"(TEST_BASE));
  check_fault("two levels: an absent page", PF, 0);
  check("CR2", event.cr2, TEST_BASE);
  ATTEMPT("", "movl $1, (%0)", "r"(TEST_BASE + 4));
  check_fault("a write", PF, 2);
  leaf[0] = ADDRESS(page) | 1;
  invlpg(TEST_BASE);
  ATTEMPT("", "movl (%0), %%eax", "r"(TEST_BASE));
  check_none("a read of a present page");
  check("accessed", leaf[0] & 0x60, 0x20);
  ATTEMPT("", "movl $7, (%0)", "r"(TEST_BASE));
  check_none("without WP, a write to a read-only page");
  check("dirty", leaf[0] & 0x60, 0x60);
  page_directory[(TEST_BASE >> 22) + 1] = 0x83;
  ATTEMPT("", "movl $9, (%0)", "r"(TEST_BASE + 0x400000 + ADDRESS(page)));
  check_none("a 4 MiB page");
  check("the write arrived", *(u32 *)page, 9);
  check("its directory entry is accessed and dirty", page_directory[(TEST_BASE >> 22) + 1] & 0x60, 0x60);
  page_directory[(TEST_BASE >> 22) + 1] = 0x83 | 1 << 21;
  invlpg(TEST_BASE + 0x400000);
  ATTEMPT("", "movl (%0), %%eax", "r"(TEST_BASE + 0x400000));
  check_fault("a 4 MiB page with its reserved bit", PF, 9);
}

void user_done(void);
asm("user_done: int $0x80");
static u32 user_entry(void) { return ADDRESS(user_stack + sizeof user_stack); }

extern u8 user_looks[], user_calls[], gate_target[], user_faults[], user_enters[], sysenter_target[];
asm("user_looks: mov %cs, %eax; mov %ax, %es:seen; mov %ss, %eax; mov %ax, %es:seen+4; mov %ds, %eax; mov %ax, %es:seen+8\n"
    "  mov %esp, %es:seen+12; int $0x90; int $0x80\n"
    "user_calls: mov $0x23, %eax; mov %eax, %ds; push $0x1111; push $0x2222; lcall $0x33, $0; mov $0x23, %eax; mov %eax, %ds; mov %esp, seen+16; int $0x80\n"
    "gate_target: mov $0x10, %eax; mov %eax, %ds; mov %cs, %eax; mov %eax, seen; mov %esp, seen+4; mov 8(%esp), %eax\n"
    "  mov %eax, seen+8; mov 12(%esp), %eax; mov %eax, seen+12; mov 20(%esp), %eax; mov %eax, seen+20; lret $8\n"
    "user_faults: mov $0x23, %eax; mov %eax, %ds; mov $0x10, %eax; user_fault: mov %eax, %es; int $0x80\n"
    "user_enters: mov $0x23, %eax; mov %eax, %ds; mov %esp, %ecx; mov $1f, %edx; sysenter\n"
    "1: mov %cs, %eax; mov %eax, seen+12; mov %ss, %eax; mov %eax, seen+16; int $0x80\n"
    "sysenter_target: mov $0x10, %eax; mov %eax, %ds; mov %cs, %eax; mov %eax, seen; mov %ss, %eax; mov %eax, seen+4\n"
    "  mov %esp, seen+8; sysexit\n");
extern u8 user_fault[];

static void user_mode(void) {
  gate(0x90, vector_table[0x90], KERNEL_CODE, 0xee);
  events = 0;
  enter_user(ADDRESS(user_looks), user_entry());
  check("user CS", seen[0] & 0xffff, USER_CODE);
  check("user SS", seen[1] & 0xffff, USER_DATA);
  check("a kernel segment in DS became null", seen[2] & 0xffff, 0);
  check("user ESP", seen[3], user_entry());
  check("an interrupt from user mode", event.vector, 0x90);
  check("its CS", event.cs, USER_CODE);
  check("its SS", event.ss, USER_DATA);
  check("its ESP", event.esp, user_entry());
  check("the handler's stack is that of the TSS", event.handler_esp + sizeof(struct frame), tss.esp0);
  events = 0;
  faulting = ADDRESS(user_fault), resume_at = ADDRESS(user_done);
  enter_user(ADDRESS(user_faults), user_entry());
  check_fault("a kernel segment loaded by user mode", GP, KERNEL_DATA);
}

static void call_gates(void) {
  u32 at = ADDRESS(gate_target);
  gdt[FREE / 8] = (at & 0xffff) | (u64)KERNEL_CODE << 16 | 0xec02ull << 32 | (u64)(at >> 16) << 48;
  enter_user(ADDRESS(user_calls), user_entry());
  check("a call gate leads to the kernel", seen[0] & 0xffff, KERNEL_CODE);
  check("on the stack of the TSS: 6 words", seen[1], tss.esp0 - 24);
  check("the last parameter", seen[2], 0x2222);
  check("the first parameter", seen[3], 0x1111);
  check("the caller's SS", seen[5] & 0xffff, USER_DATA);
  check("RET n drops them from both stacks", seen[4], user_entry());
}

static void refused_calls(void) {
  gdt[FREE / 8] &= ~(0x80ull << 40);
  ATTEMPT("", "lcall %0, $0", "i"(FREE));
  check_fault("a call gate that is not present", NP, FREE);
  ATTEMPT("", "lcall %0, $0", "i"(TSS));
  check("a far call to the running TSS", event.vector, GP);
  check("its error code", event.error, TSS);
}

extern u8 code16[], handler16[];
asm(".code16\ncode16: mov $0x40, %ax; mov %ax, %ds; push $0x1234; pop %ax; mov %ax, seen; pushl $0x12345678; popl %eax; mov %eax, seen+4; mov %cs, seen+8\n"
    "  int $0x91; mov $0x10, %ax; mov %ax, %ds; lretl\n"
    "handler16: push %bp; mov %esp, %ebp; mov 2(%ebp), %ax; mov %ax, seen+12; mov 4(%ebp), %ax; mov %ax, seen+16\n"
    "  mov 6(%ebp), %ax; mov %ax, seen+20; pop %bp; iret\n.code32");

static void sixteen_bits(void) {
  u32 base = ADDRESS(code16) & ~0xfffu;
  u32 code = slot(0, base, 0xffff, 0x9b);
  gate(0x91, ADDRESS(handler16) - base, code, 0x86);
  struct { u32 offset; u16 selector; } far = { ADDRESS(code16) - base, code };
  for (u32 i = 0; i < 8; i++) seen[i] = 0;
  /* 16-bit addresses reach `seen` through a segment that begins at its 64 KiB. */
  slot(2, ADDRESS(seen) & ~0xffffu, 0xffff, 0x93);
  ATTEMPT("", "lcall *%0", "m"(far));
  check_none("a far call to 16-bit code and its interrupt");
  check("a 16-bit push", seen[0] & 0xffff, 0x1234);
  check("a 32-bit push", seen[1], 0x12345678);
  check("its CS", seen[2] & 0xffff, code);
  check("a 16-bit gate saves CS", seen[4] & 0xffff, code);
}

static void fast_entry(void) {
  asm volatile("wrmsr" : : "c"(0x174), "a"(KERNEL_CODE), "d"(0));
  asm volatile("wrmsr" : : "c"(0x175), "a"(tss.esp0), "d"(0));
  asm volatile("wrmsr" : : "c"(0x176), "a"(sysenter_target), "d"(0));
  /* SYSEXIT's segments are flat: user mode's view of the same code is at the same address there. */
  for (u32 i = 0; i < 16; i++) page_directory[i] |= 4;
  asm volatile("mov %%cr3, %%eax; mov %%eax, %%cr3" : : : "eax", "memory");
  u64 code = gdt[3], data = gdt[4];
  gdt[3] = 0x00cffb000000ffffull, gdt[4] = 0x00cff3000000ffffull;
  enter_user(ADDRESS(user_enters), user_entry());
  check("SYSENTER: CS", seen[0] & 0xffff, KERNEL_CODE);
  check("SYSENTER: SS", seen[1] & 0xffff, KERNEL_DATA);
  check("SYSENTER: ESP", seen[2], tss.esp0);
  check("SYSEXIT: CS", seen[3] & 0xffff, USER_CODE);
  check("SYSEXIT: SS", seen[4] & 0xffff, USER_DATA);
  gdt[3] = code, gdt[4] = data;
  for (u32 i = 0; i < 16; i++) page_directory[i] &= ~4u;
  asm volatile("wrmsr" : : "c"(0x174), "a"(0), "d"(0));
  ATTEMPT("", "sysenter", "i"(0));
  check_fault("SYSENTER without a selector", GP, 0);
}

static void three_levels(void) {
  for (u32 i = 0; i < 4; i++) pae_pointers[i] = ADDRESS(pae_directories[i]) | 1;
  for (u32 i = 0; i < 32; i++) pae_directories[0][i] = (u64)i << 21 | 0x83;
  pae_directories[1][0] = ADDRESS(pae_table) | 7;
  asm volatile("mov %%cr0, %%eax; and $0x7fffffff, %%eax; mov %%eax, %%cr0; mov %%cr4, %%eax; or $0x20, %%eax; mov %%eax, %%cr4\n"
               "mov %0, %%cr3; mov $0xc0000080, %%ecx; rdmsr; or $0x800, %%eax; wrmsr\n"
               "mov %%cr0, %%eax; or $0x80000000, %%eax; mov %%eax, %%cr0" : : "r"(pae_pointers) : "eax", "ecx", "edx", "memory");
  ATTEMPT("", "movl (%0), %%eax", "r"(TEST_BASE));
  check_fault("three levels: an absent page", PF, 0);
  pae_table[0] = ADDRESS(page) | 3 | 1ull << 63;
  ATTEMPT("", "movl $5, (%0)", "r"(TEST_BASE));
  check_none("a write");
  check("arrived", *(u32 *)page, 5);
  check("accessed and dirty", pae_table[0] & 0x60, 0x60);
  page[0] = 0xc3;
  events = 0;
  faulting = TEST_BASE;
  asm volatile("movl $1f, resume_at; mov %%esp, %%ebx; call *%0\n1:\tmov %%ebx, %%esp; movl $0, resume_at" : : "r"(TEST_BASE) : "ebx", "memory");
  check_fault("NX", PF, 0x11);
  pae_table[1] = ADDRESS(page) | 3 | 1ull << 52;
  ATTEMPT("", "movl (%0), %%eax", "r"(TEST_BASE + 0x1000));
  check_fault("a reserved bit", PF, 9);
  pae_directories[1][1] = 0x83;
  ATTEMPT("", "movl $6, (%0)", "r"(TEST_BASE + 0x200000 + ADDRESS(page)));
  check("a 2 MiB page", *(u32 *)page, 6);
  pae_pointers[1] = 0;
  asm volatile("mov %%cr3, %%eax; mov %%eax, %%cr3" : : : "eax", "memory");
  ATTEMPT("", "movl (%0), %%eax", "r"(TEST_BASE));
  check_fault("an absent directory pointer", PF, 0);
}

void main(void) {
  setup();
  limits();
  turn_paging_on();
  two_levels();
  user_mode();
  call_gates();
  refused_calls();
  sixteen_bits();
  fast_entry();
  three_levels();
  leave();
}
