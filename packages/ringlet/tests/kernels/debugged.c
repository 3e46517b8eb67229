/*
 * A kernel to be debugged: processors 0 … n-1, each with a variable of its own that it counts up, and before that, on the
 * first, one of everything that a debugger is to see. Symbols of the assembler mark the places.
 *
 * It counts up for as long as `going` is not 0; then it ends with exit code 0.
 */
#include "../../../x64/tests-kernels/kernel.h"

enum { TRAMPOLINE = 0x8000, SELF = 0xa0, MOST = 8 };

extern u8 trampoline[], trampoline_end[], ap_pointer[];
u8 ap_stacks[MOST][16384] __attribute__((aligned(4096)));
volatile u64 ap_next;
volatile u64 counters[MOST][8], going = 1, interrupted, guarded;
volatile u32 started;
u8 copied[4096], copy[4096];
u8 hypercall_page[4096] __attribute__((aligned(4096)));

asm(".text\n.code16\n"
    "trampoline: cli; mov %cs, %ax; mov %ax, %ds\n"
    "lgdtl ap_pointer - trampoline; mov $0xa0, %eax; mov %eax, %cr4\n"
    "mov $page_pml4, %eax; mov %eax, %cr3; mov $0xc0000080, %ecx; rdmsr; or $0x901, %eax; wrmsr\n"
    "mov $0x80010033, %eax; mov %eax, %cr0; ljmpl $0x08, $ap_start\n"
    ".balign 8\nap_pointer: .word 0x10f; .long gdt\n"
    "trampoline_end:\n.code64\n"
    "ap_start: mov $0x10, %eax; mov %eax, %ss; mov %eax, %ds; mov %eax, %es; mov $1, %ebx; lock xadd %rbx, ap_next(%rip)\n"
    "mov %rbx, %rdi; lea 1(%rbx), %rax; shl $14, %rax; lea ap_stacks(%rip), %rsp; add %rax, %rsp; call work\n1: cli; hlt; jmp 1b");

/* Every register has a value of its own, at `registers_set`. */
asm(".text\n.globl set_registers, registers_set\n"
    "set_registers: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
    "mov $0x1111111111111111, %rax; movq %rax, %xmm3; pinsrq $1, %rax, %xmm3; fninit; fldpi; fld1\n"
    "mov $0xc0000100, %ecx; mov $0x12345678, %eax; xor %edx, %edx; wrmsr\n"
    "mov $0xc0000102, %ecx; mov $0x87654321, %eax; wrmsr\n"
    "mov $0x0101010101010101, %rax; mov $0x0202020202020202, %rbx; mov $0x0303030303030303, %rcx\n"
    "mov $0x0404040404040404, %rdx; mov $0x0505050505050505, %rsi; mov $0x0606060606060606, %rdi\n"
    "mov $0x0707070707070707, %rbp; mov $0x0808080808080808, %r8; mov $0x0909090909090909, %r9\n"
    "mov $0x0a0a0a0a0a0a0a0a, %r10; mov $0x0b0b0b0b0b0b0b0b, %r11; mov $0x0c0c0c0c0c0c0c0c, %r12\n"
    "mov $0x0d0d0d0d0d0d0d0d, %r13; mov $0x0e0e0e0e0e0e0e0e, %r14; mov $0x0f0f0f0f0f0f0f0f, %r15\n"
    "stc\n"
    "registers_set: nop\n"
    "fninit; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret");

/* A whole page by one instruction. */
asm(".text\n.globl copy_string, before_string, behind_string\n"
    "copy_string: lea copied(%rip), %rsi; lea copy(%rip), %rdi; mov $4096, %ecx\n"
    "before_string: rep movsb\n"
    "behind_string: ret");

/* An interrupt waits from before the first of these on. */
asm(".text\n.globl be_interrupted, before_interrupt, shadow, next, behind_interrupt\n"
    "be_interrupted: mov $0x830, %ecx; mov $0x440a0, %eax; xor %edx, %edx; wrmsr\n"
    "before_interrupt: sti\nshadow: nop\nnext: nop\nbehind_interrupt: cli; ret");

/* Ports and device memory are finished by others than the processor. */
asm(".text\n.globl ask_device, before_port, behind_port\n"
    "ask_device: mov $0x3fd, %edx\n"
    "before_port: in %dx, %al\n"
    "behind_port: ret");

asm(".text\n.globl call_hypervisor, before_call\n"
    "call_hypervisor: mov $0x46, %ecx; xor %edx, %edx; xor %r8d, %r8d; lea hypercall_page(%rip), %rax\n"
    "before_call: call *%rax; ret");

void set_registers(void);
void copy_string(void);
void be_interrupted(void);
void ask_device(void);
void call_hypervisor(void);

static int keep(struct frame *frame) {
  if (frame->vector != SELF) return 0;
  interrupted++;
  wrmsr(0x80b, 0);
  return 1;
}

#ifdef EXERCISES
/* All that depends on when it happens, for a run that has to come out the same: see gdb-replay.guests.test.ts. */
u64 sums[MOST], taken[MOST];
u8 from[MOST][8192], to[MOST][8192];
u64 high_directory[512] __attribute__((aligned(4096)));

static void mix(u64 self, u64 value) { sums[self] = (sums[self] << 7 | sums[self] >> 57) ^ value * 0x9e3779b97f4a7c15; }

static u64 ticks(void) {
  u32 low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return low | (u64)high << 32;
}

static int take(struct frame *frame) {
  if (frame->vector != SELF) return 0;
  u64 self = rdmsr(0x802);
  taken[self]++;
  mix(self, ticks());
  mix(self, frame->rip);
  wrmsr(0x80b, 0);
  return 1;
}

static void set_up(u64 self) {
  hook = take;
  high_directory[502] = 0xfec00083;
  page_pdpt_kernel[3] = ADDRESS(high_directory) + 3;
  struct pointer table = { sizeof idt - 1, ADDRESS(idt) };
  asm volatile("lidt %0" : : "m"(table));
  wrmsr(0x80f, 0x1ff);
}

void __attribute__((noinline)) exercise(u64 self, u64 i) {
  u64 count = 100 + i % 4000, value = i;
  void *target = to[self], *source = from[self];
  counters[self][0]++;
  asm volatile("rep movsb" : "+S"(source), "+D"(target), "+c"(count) : : "memory");
  target = from[self], count = 1024;
  asm volatile("rep stosq" : "+D"(target), "+c"(count) : "a"(i) : "memory");
  /* Longer than a block. */
  asm volatile(".rept 150; add $3, %0; ror $5, %0; .endr" : "+r"(value));
  mix(self, value);
  mix(self, ticks());
  u8 status;
  asm volatile("inb %%dx, %0" : "=a"(status) : "d"((u16)0x3fd));
  mix(self, *(volatile u32 *)0xfec00000 + status);
  u32 a = 1, b, c = 0, d;
  asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  mix(self, rdmsr(0x40000020) + c);
  asm volatile("sti");
  wrmsr(0x830, SELF | (i % 3 == 0 ? self : (self + 1) % ap_next) << 32);
  for (u64 k = 0; k < i % 37; k++) asm volatile("pause" : "+r"(value));
  asm volatile("cli");
  if (i % 5 == 0) {
    wrmsr(0x830, SELF | self << 32);
    asm volatile("sti; hlt; cli");
  }
  asm volatile("lock incq %0" : "+m"(interrupted));
}
#endif

void __attribute__((noinline)) touch(u64 value) { guarded = value; }

void work(u64 order) {
  u64 self = rdmsr(0x802);
  __atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
#ifdef EXERCISES
  set_up(self);
  for (u64 i = 0; i < EXERCISES; i++) exercise(self, i);
#else
  while (going) {
    counters[self][0]++;
    asm volatile("pause");
  }
#endif
  __atomic_sub_fetch(&started, 1, __ATOMIC_SEQ_CST);
}

static void start_others(void) {
  u8 *to = (u8 *)TRAMPOLINE;
  for (u8 *from = trampoline; from < trampoline_end; from++) *to++ = *from;
  ap_next = 1;
  wrmsr(0x830, 0xc4500);
  for (u64 i = 0; i < 20000; i++) asm volatile("pause");
  wrmsr(0x830, 0xc4600 | TRAMPOLINE >> 12);
}

void test(void) {
  hook = keep;
  WRITE_CR(4, READ_CR(4) | 0x600);
  wrmsr(0x80f, 0x1ff);
  print("up\n");
  for (u32 i = 0; i < sizeof copied; i++) copied[i] = i;
  set_registers();
  copy_string();
  be_interrupted();
  ask_device();
  wrmsr(0x40000000, 0x8100000000000000ul);
  wrmsr(0x40000001, ADDRESS(hypercall_page) | 1);
  call_hypervisor();
  for (u64 i = 1; i <= 3; i++) touch(i);
  start_others();
  print("all go\n");
  work(0);
  while (started) asm volatile("pause");
#ifdef EXERCISES
  for (u32 i = 0; i < ap_next; i++) print_hex(sums[i]), print(" "), print_hex(taken[i]), print("\n");
  interrupted = 1;
#endif
  print(copy[4095] == 255 && interrupted == 1 ? "done\n" : "wrong\n");
  leave(0);
}
