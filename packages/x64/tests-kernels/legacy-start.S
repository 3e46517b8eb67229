/*
 * Entry and interrupt stubs of the 32-bit test kernel. The image is flat at 1 MiB, as start.S's; user segments have their
 * base at 2 GiB, where the same RAM is mapped for user mode, so offsets are the same in both.
 */
#define FLAGS 0x00010000
    .section .head, "awx"
    .code32
    .globl _start
_start:
    cli
    cld
    mov $stack_top, %esp
    jmp begin
    .balign 4
header:
    .long 0x1BADB002, FLAGS, -(0x1BADB002 + FLAGS)
    .long header, _start, image_end, bss_end, _start
begin:
    lgdt gdt_pointer
    ljmp $0x08, $1f
1:  mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    call main
2:  hlt
    jmp 2b

    .text
    .altmacro
    .macro stub n
vector_\n:
    .if (\n != 8) && ((\n < 10) || (\n > 14)) && (\n != 17)
    push $-1
    .endif
    push $\n
    jmp enter
    .endm
    .macro entry n
    .long vector_\n
    .endm
    .set i, 0
    .rept 256
    stub %i
    .set i, i + 1
    .endr
enter:
    pusha
    push %ds
    push %es
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    cld
    push %esp
    call interrupt
    add $4, %esp
    pop %es
    pop %ds
    popa
    add $8, %esp
    iret

    /* void enter_user(u32 eip, u32 esp): returns when user mode executes INT 0x80. */
    .globl enter_user, resume_kernel
enter_user:
    pusha
    mov 36(%esp), %ecx
    mov 40(%esp), %edx
    mov %esp, saved_esp
    mov $0x23, %eax
    mov %eax, %es
    mov $0x10, %eax             /* a kernel segment: user mode must not keep it */
    mov %eax, %ds
    push $0x23
    push %edx
    push $2
    push $0x1b
    push %ecx
    iret
resume_kernel:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov saved_esp, %esp
    popa
    ret

    .data
    .globl vector_table, gdt, saved_esp
vector_table:
    .set i, 0
    .rept 256
    entry %i
    .set i, i + 1
    .endr
saved_esp: .long 0
    .balign 16
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff    /* 0x08 kernel code */
    .quad 0x00cf93000000ffff    /* 0x10 kernel data */
    .quad 0x80c7fb000000ffff    /* 0x18 user code, base 2 GiB, 2 GiB long */
    .quad 0x80c7f3000000ffff    /* 0x20 user data */
    .quad 0                     /* 0x28 TSS */
    .fill 26, 8, 0              /* 0x30 left to the tests */
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .long gdt
    .bss
    .balign 4096
    .skip 16384
stack_top:
