/*
 * Long mode → compatibility mode → protected mode → real mode, and back the way an AP trampoline goes: real mode at a
 * page below 1 MiB, LGDT, protected mode, PAE, EFER.LME, paging, long mode. What each mode does is left in `trip`.
 */
#include "kernel.h"

#define PAGE 0x8000

/* Filled by the trampoline; drawn in its data section below. */
extern u8 trip_start[], trip_end[], trip_data[];
void trip(void);

asm(
  ".globl trip\n"
  "trip: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
  "  mov %rsp, saved_rsp(%rip); sidt trip_idt(%rip); pushfq; cli\n"
  "  rex.w ljmp *trip_entry(%rip)\n"
  "  .data\n trip_entry: .quad 0x8000 + trip_16 - trip_start; .word 0x38\n"
  "trip_idt: .skip 10\n .text\n"

  "trip_start:\n.code16\n"
  "trip_16:\n"                                  /* compatibility mode, 16-bit code, base 0 */
  "  mov $0x10, %ax; mov %ax, %ds; mov %ax, %ss; mov $0x9000, %esp\n"
  "  mov %cr0, %eax; and $0x7fffffff, %eax; mov %eax, %cr0\n"
  "  mov $0xc0000080, %ecx; rdmsr; mov %eax, 0x8000 + d_efer_off - trip_start\n"
  "  and $0xfffffeff, %eax; wrmsr\n"
  "  mov %cr0, %eax; and $0xfffffffe, %eax; mov %eax, %cr0\n"
  "  ljmp $0x800, $trip_real - trip_start\n"

  "trip_real:\n"                                /* real mode */
  "  mov %cs, %ax; mov %ax, %ds; mov $0x900, %ax; mov %ax, %ss; mov $0x800, %sp\n"
  "  mov %cs, d_real_cs - trip_start\n"
  "  lidt d_real_idt - trip_start\n"
  "  xor %ax, %ax; mov %ax, %es\n"
  "  movw $real_handler - trip_start, %es:0x140; movw $0x800, %es:0x142\n"
  "  movw $real_divide - trip_start, %es:0; movw $0x800, %es:2\n"
  "  mov $0x1234, %ax; sti; int $0x50; pushf; pop d_after - trip_start; cli\n"
  "  mov %sp, d_sp - trip_start\n"
  "  xor %dx, %dx; xor %cx, %cx; mov $1, %ax\n"
  "divides: div %cx\n"
  "  lcall $0x800, $real_far - trip_start\n"
  "  push %es; push %cs; pop %es; mov %es, d_es - trip_start; pop %es\n"
  "  mov $0xfff0, %bx; mov %es:(%bx), %ax; mov $0x2211, %ax; mov %ax, %es:0x600; lds %es:far_pointer + 0x8000 - trip_start, %si\n"
  "  mov %ds, %ax; mov %cs, %bx; mov %bx, %ds; mov %ax, d_lds - trip_start; mov %si, d_lds - trip_start + 2\n"
  "  smsw d_msw - trip_start\n"
  "  movw $0xffff, %bx\n movl $0x7f7f7f7f, %ss:-2(%bp)\n"
  "  lgdtl d_gdt - trip_start\n"
  "  mov %cr0, %eax; or $1, %al; mov %eax, %cr0\n"
  "  ljmpl $0x30, $0x8000 + trip_32 - trip_start\n"

  "real_handler: push %bp; mov %sp, %bp; mov 2(%bp), %ax; mov %ax, d_ip - trip_start; mov 4(%bp), %ax\n"
  "  mov %ax, d_cs - trip_start; mov 6(%bp), %ax; mov %ax, d_flags - trip_start; pushf; pop d_in_handler - trip_start\n"
  "  pop %bp; iret\n"
  "real_divide: push %bp; mov %sp, %bp; mov 2(%bp), %ax; mov %ax, d_divide_ip - trip_start; addw $2, 2(%bp); pop %bp; iret\n"
  "real_far: incw d_far - trip_start; lret\n"
  "far_pointer: .word 0x5678, 0x0801\n"

  ".code32\ntrip_32:\n"                         /* protected mode, no paging */
  "  mov $0x10, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %ss; mov $0x9000, %esp\n"
  "  lidt 0x8000 + d_idt32 - trip_start\n"
  "  int $0x20\n"
  "  mov $0x5000, %eax; bad_load: mov %eax, %es\n"
  "  mov %esp, 0x8000 + d_esp32 - trip_start\n"
  "  mov $0x50607080, %eax; push %ax; push $0x11; pop %ecx; pop %dx; mov %ecx, 0x8000 + d_popped - trip_start\n"
  "  mov %cr4, %eax; or $0x20, %eax; mov %eax, %cr4\n"
  "  mov $0xc0000080, %ecx; rdmsr; or $0x100, %eax; wrmsr\n"
  "  mov %cr0, %eax; or $0x80000000, %eax; mov %eax, %cr0\n"
  "  rdmsr; mov %eax, 0x8000 + d_efer_on - trip_start\n"
  "  ljmp $0x08, $0x8000 + trip_64 - trip_start\n"
  "handler_32: push %ebp; mov %esp, %ebp; mov 4(%ebp), %eax; mov %eax, 0x8000 + d_eip32 - trip_start\n"
  "  mov 8(%ebp), %eax; mov %eax, 0x8000 + d_cs32 - trip_start; pop %ebp; iret\n"
  "handler_gp: pop 0x8000 + d_gp_code - trip_start; mov (%esp), %eax; mov %eax, 0x8000 + d_gp_eip - trip_start\n"
  "  addl $2, (%esp); iret\n"

  ".code64\ntrip_64: movabs $trip_back, %rax; jmp *%rax\n"
  ".balign 8\n"
  "d_real_idt: .word 0x3ff; .long 0; .word 0\n"
  "d_gdt: .word 0x3f; .long 0; .word 0\n"
  "d_idt32: .word 0x107; .long 0x8000 + idt_32 - trip_start; .word 0\n"
  "trip_data:\n"
  "d_efer_off: .long 0\nd_efer_on: .long 0\nd_real_cs: .long 0\nd_ip: .long 0\nd_cs: .long 0\nd_flags: .long 0\n"
  "d_in_handler: .long 0\nd_after: .long 0\nd_sp: .long 0\nd_divide_ip: .long 0\nd_far: .long 0\nd_es: .long 0\n"
  "d_lds: .long 0\nd_msw: .long 0\nd_eip32: .long 0\nd_cs32: .long 0\nd_gp_code: .long 0\nd_gp_eip: .long 0\n"
  "d_esp32: .long 0\nd_popped: .long 0\n"
  ".balign 8\nidt_32: .skip 0x108\n"
  "trip_end:\n"

  "trip_back: mov $0x10, %eax; mov %eax, %ss; mov %eax, %ds; mov %eax, %es; lidt trip_idt(%rip)\n"
  "  mov saved_rsp(%rip), %rsp; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n"
);

extern u8 trip_real[], real_far[], divides[], bad_load[], handler_32[], handler_gp[], idt_32[], d_gdt[], trip_32[];

static u32 *word(u32 index) { return (u32 *)(PAGE + (trip_data - trip_start)) + index; }

static void gate32(u32 vector, u8 *handler) {
  u32 at = PAGE + (handler - trip_start);
  u64 *gates = (u64 *)(PAGE + (idt_32 - trip_start));
  gates[vector] = (at & 0xffff) | (u64)KERNEL_CODE32 << 16 | 0x8eul << 40 | (u64)(at >> 16) << 48;
}

void test(void) {
  /* The page table must survive the trip: paging comes back with the same CR3, whose tables lie below 4 GiB. */
  u8 *to = (u8 *)PAGE;
  for (u8 *from = trip_start; from < trip_end; from++) *to++ = *from;
  *(u32 *)(PAGE + (d_gdt - trip_start) + 2) = (u32)ADDRESS(gdt);
  gate32(0x20, handler_32);
  gate32(GP, handler_gp);
  WRITE_CR(4, READ_CR(4) & ~0x80ul);
  for (u32 round = 0; round < 2; round++) {
    for (u32 i = 0; i < 20; i++) *word(i) = 0;
    trip();
    check("EFER.LMA is clear when paging is off", *word(0) & 0x400, 0);
    check("EFER.LME is still set then", *word(0) & 0x100, 0x100);
    check("EFER.LMA is set when paging is on", *word(1) & 0x500, 0x500);
    check("CS in real mode", *word(2), 0x800);
    check("INT in real mode: IP", *word(3) > 0, 1);
    check("INT in real mode: CS", *word(4), 0x800);
    check("INT in real mode: flags with IF", *word(5) & 0x200, 0x200);
    check("IF is off in the handler", *word(6) & 0x200, 0);
    check("IRET brings it back", *word(7) & 0x200, 0x200);
    check("SP is what it was", *word(8) & 0xffff, 0x800);
    check("a division fault saves its own IP", *word(9), divides - trip_start);
    check("a far call in real mode", *word(10), 1);
    check("PUSH CS, POP ES", *word(11), 0x800);
    check("LDS", *word(12), 0x56780801);
    check("SMSW: PE is clear", *word(13) & 1, 0);
    check("INT in protected mode: CS", *word(15), KERNEL_CODE32);
    check("a GP in protected mode: error code", *word(16), 0x5000);
    check("its EIP", *word(17), PAGE + (bad_load - trip_start));
    check("ESP is what it was", *word(18), 0x9000);
    check("pushes of two sizes", *word(19), 0x11);
  }
  WRITE_CR(4, READ_CR(4) | 0x80);
  ATTEMPT("ud2", "i"(0));
  check_fault("long mode works as before", UD, NO_ERROR);
}
