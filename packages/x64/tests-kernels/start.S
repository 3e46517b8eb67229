/*
 * Entry of every test kernel: from the multiboot state (32-bit protected mode, paging off) to C in long mode.
 *
 * The image is flat and loads at 1 MiB; the multiboot header gives its addresses, so that QEMU's -kernel starts the
 * same bytes (Multiboot 0.6.96, "a.out kludge", header flag 16).
 *
 *   0x0000_0000_0000_0000  all of RAM, supervisor, 2 MiB pages, global
 *   0x0000_0080_0000_0000  the same RAM for user mode: what runs at CPL 3 runs here
 *   0x0000_0100_0000_0000  left to the tests
 */
#define FLAGS 0x00010000

    .section .head, "awx"
    .code32
    .globl _start
_start:
    cli
    cld
    jmp begin

    .balign 4
header:
    .long 0x1BADB002, FLAGS, -(0x1BADB002 + FLAGS)
    .long header, _start, image_end, bss_end, _start

begin:
    mov $boot_stack_top, %esp

    /* Page tables: one PML4, a PDPT per half, one page directory of 2 MiB pages for the first GiB of each. */
    mov $page_pdpt_kernel + 3, %eax
    mov %eax, page_pml4
    mov $page_pdpt_user + 7, %eax
    mov %eax, page_pml4 + 8
    mov $page_directory_kernel + 3, %eax
    mov %eax, page_pdpt_kernel
    mov $page_directory_user + 7, %eax
    mov %eax, page_pdpt_user
    xor %ecx, %ecx
    mov $0x183, %eax                    /* present, writable, 2 MiB, global */
    mov $0x087, %edx                    /* present, writable, user, 2 MiB */
1:  mov %eax, page_directory_kernel(,%ecx,8)
    mov %edx, page_directory_user(,%ecx,8)
    add $0x200000, %eax
    add $0x200000, %edx
    inc %ecx
    cmp $512, %ecx
    jne 1b

    mov $0xa0, %eax                     /* CR4.PAE, CR4.PGE */
    mov %eax, %cr4
    mov $page_pml4, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx               /* EFER: SCE, LME, NXE */
    rdmsr
    or $0x901, %eax
    wrmsr
    mov $0x80010033, %eax               /* PG WP NE ET MP PE */
    mov %eax, %cr0
    lgdt boot_gdt_pointer
    ljmp $0x08, $1f

    .code64
1:  mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    mov $boot_stack_top, %rsp
    call setup
    call test
    mov $0, %edi
    call leave

    .data
    .balign 16
    /* The layout that selectors.h names. TSS descriptors are filled in by setup(). */
    .globl gdt
gdt:
    .quad 0
    .quad 0x00af9b000000ffff            /* 0x08 kernel code, 64-bit */
    .quad 0x00cf93000000ffff            /* 0x10 kernel data */
    .quad 0x00cffb000000ffff            /* 0x18 user code, 32-bit */
    .quad 0x00cff3000000ffff            /* 0x20 user data */
    .quad 0x00affb000000ffff            /* 0x28 user code, 64-bit */
    .quad 0x00cf9b000000ffff            /* 0x30 kernel code, 32-bit */
    .quad 0x008f9b000000ffff            /* 0x38 kernel code, 16-bit */
    .quad 0, 0                          /* 0x40 TSS */
    .fill 24, 8, 0                      /* 0x50 left to the tests */
gdt_end:
    .globl boot_gdt_pointer
boot_gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt

    .bss
    .balign 4096
    .globl page_pml4, page_directory_kernel, page_directory_user, page_pdpt_kernel
page_pml4: .skip 4096
page_pdpt_kernel: .skip 4096
page_pdpt_user: .skip 4096
page_directory_kernel: .skip 4096
page_directory_user: .skip 4096
    .skip 16384
    .globl boot_stack_top
boot_stack_top:
