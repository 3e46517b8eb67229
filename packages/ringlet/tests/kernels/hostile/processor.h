/* The processor's side: registers that may fault, hypercalls, time, and a console that nothing here can break. */
#pragma once

enum { COM1 = 0x3f8, GUEST_OS_ID = 0x40000000, HYPERCALL = 0x40000001, VP_RESET = 0x40000003, TIME = 0x40000020, SCONTROL = 0x40000080,
  SIEFP = 0x40000082, SIMP = 0x40000083, EOM = 0x40000084, SINT2 = 0x40000092, TIMER_CONFIG = 0x400000b0, IDLE = 0x400000f0 };

/* Where the local APIC and the I/O APIC are seen. */
#define IO_APIC ((volatile u32 *)TEST_BASE)
#define LOCAL_APIC ((volatile u32 *)(TEST_BASE + 0x200000))

static u64 faults, hypercalls;
static u64 device_pdpt[512] __attribute__((aligned(4096))), device_directory[512] __attribute__((aligned(4096)));
/* RET everywhere: what is called while the hypercall page does not lie over it. */
static u8 hypercall_page[4096] __attribute__((aligned(4096)));

static void tell(const char *text) {
  for (; *text; text++) {
    while (1) {
      u8 status;
      asm volatile("inb %1, %0" : "=a"(status) : "d"((u16)(COM1 + 5)));
      if (status & 0x20) break;
    }
    out8(COM1, *text);
  }
}

/* Faults go on behind the instruction that was tried; interrupts are taken and forgotten. */
static int take(struct frame *frame) {
  if (frame->vector < 32 && frame->vector != NMI) {
    faults++;
    if (!resume_at) {
      tell("\na fault of the kernel itself\n");
      leave(3);
    }
    frame->rip = resume_at;
    resume_at = 0;
  } else if (frame->vector >= 32) {
    LOCAL_APIC[0xb0 / 4] = 0;
  }
  return 1;
}

#define TRY "lea 1f(%%rip), %%r8; mov %%r8, resume_at(%%rip)\n"
#define TRIED "\n1: movq $0, resume_at(%%rip)\n"

static u64 get(u32 index) {
  u64 low = 0, high = 0;
  asm volatile(TRY "rdmsr" TRIED : "+a"(low), "+d"(high) : "c"(index) : "r8", "memory");
  return (u32)low | high << 32;
}

static void set(u32 index, u64 value) {
  asm volatile(TRY "wrmsr" TRIED : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)) : "r8", "memory");
}

/* @return its status */
static u32 hypercall(u64 control, u64 input, u64 output) {
  u64 result = ~0ul;
  hypercalls++;
  asm volatile("mov %%rsp, %%rbx; lea 1f(%%rip), %%r8; mov %%r8, resume_at(%%rip); mov %4, %%r8; call *%3\n"
               "1: mov %%rbx, %%rsp; movq $0, resume_at(%%rip)"
               : "+a"(result), "+c"(control), "+d"(input)
               : "r"((u64)hypercall_page), "r"(output)
               : "rbx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
  return result & 0xffff;
}

static u64 now(void) { return get(TIME); }

static void prepare_processor(void) {
  for (u32 i = 0; i < sizeof hypercall_page; i++) hypercall_page[i] = 0xc3;
  page_pml4[2] = ADDRESS(device_pdpt) | 3;
  device_pdpt[0] = ADDRESS(device_directory) | 3;
  device_directory[0] = 0xfec00000 | 0x93;
  device_directory[1] = 0xfee00000 | 0x93;
  hook = take;
}

/* A few interrupts, with those that look like exceptions held back. */
static void breathe(void) {
  WRITE_CR(8, 1);
  asm volatile("sti; nop; nop; nop; cli" : : : "memory");
}
