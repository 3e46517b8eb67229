/*
 * One stub per vector: all lead to interrupt() with the whole frame in memory.
 *
 * struct frame in kernel.h draws what lies on the stack when interrupt() is called.
 */
    .text
    .altmacro
    .macro stub n
vector_\n:
    .if (\n != 8) && ((\n < 10) || (\n > 14)) && (\n != 17) && (\n != 21) && (\n != 29) && (\n != 30)
    push $-1                            /* no error code */
    .endif
    push $\n
    jmp enter
    .endm
    .macro entry n
    .quad vector_\n
    .endm

    .set i, 0
    .rept 256
    stub %i
    .set i, i + 1
    .endr

enter:
    push %rax
    push %rcx
    push %rdx
    push %rbx
    push %rbp
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    push %r12
    push %r13
    push %r14
    push %r15
    cld
    mov %rsp, %rdi
    mov %rsp, %rbx
    and $-16, %rsp
    call interrupt
    mov %rbx, %rsp
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rbp
    pop %rbx
    pop %rdx
    pop %rcx
    pop %rax
    add $16, %rsp
    iretq

    /* void enter_user(u64 rip, u64 rsp, u64 cs, u64 ss, u64 flags): returns when user mode executes INT 0x80. */
    .globl enter_user
enter_user:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rsp, saved_rsp(%rip)
    push %rcx
    push %rsi
    push %r8
    push %rdx
    push %rdi
    xor %eax, %eax
    iretq
    .globl resume_kernel
resume_kernel:
    mov saved_rsp(%rip), %rsp
    mov $0x10, %eax
    mov %eax, %ss
    mov %eax, %ds
    mov %eax, %es
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret

    .data
    .globl vector_table
vector_table:
    .set i, 0
    .rept 256
    entry %i
    .set i, i + 1
    .endr
    .bss
    .globl saved_rsp
saved_rsp: .skip 8
