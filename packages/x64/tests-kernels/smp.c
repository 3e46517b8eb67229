/*
 * Several processors: started by INIT and SIPI, then LOCK'ed instructions against each other, whole and split over two
 * qwords, cache lines and pages, and CMPXCHG16B. Each check is a sum that one lost update makes wrong.
 *
 * The first line is the order in which the processors came through the first barrier: chance decides it, and in a machine
 * without chance the seed.
 */
#include "kernel.h"

enum { MOST = 8, ROUNDS = 60000, ENTRIES = 750, TRAMPOLINE = 0x8000 };

extern u8 trampoline[], trampoline_end[], ap_pointer[];
u8 ap_stacks[MOST][16384] __attribute__((aligned(4096)));
volatile u64 ap_next;
volatile u32 arrived, generation, processors;
static u8 area[4][4096] __attribute__((aligned(4096)));
static volatile u32 order[MOST], order_next;
static volatile u64 plain[2];

asm(".text\n.code16\n"
    "trampoline: cli; mov %cs, %ax; mov %ax, %ds\n"
    "lgdtl ap_pointer - trampoline; mov $0xa0, %eax; mov %eax, %cr4\n"
    "mov $page_pml4, %eax; mov %eax, %cr3; mov $0xc0000080, %ecx; rdmsr; or $0x901, %eax; wrmsr\n"
    "mov $0x80010033, %eax; mov %eax, %cr0; ljmpl $0x08, $ap_start\n"
    ".balign 8\nap_pointer: .word 0x10f; .long gdt\n"
    "trampoline_end:\n.code64\n"
    "ap_start: mov $0x10, %eax; mov %eax, %ss; mov %eax, %ds; mov %eax, %es; mov $1, %ebx; lock xadd %rbx, ap_next(%rip)\n"
    "mov %rbx, %rdi; lea 1(%rbx), %rax; shl $14, %rax; lea ap_stacks(%rip), %rsp; add %rax, %rsp; call work\n1: cli; hlt; jmp 1b");

static void barrier(void) {
  u32 now = generation;
  if (__atomic_add_fetch(&arrived, 1, __ATOMIC_SEQ_CST) == processors) {
    arrived = 0;
    __atomic_add_fetch(&generation, 1, __ATOMIC_SEQ_CST);
  } else
    while (generation == now) asm volatile("pause" : : : "memory");
}

/* Both halves of 8 bytes at `at`, which straddles a boundary, while others change a half of their own. */
static void split(u32 self, u8 *at) {
  for (u32 i = 0; i < ROUNDS; i++) {
    if (self % 4 == 0) asm volatile("lock addq %1, %0" : "+m"(*(u64 *)at) : "r"(0x100000001) : "memory");
    else if (self % 4 == 1) asm volatile("lock incq %0" : "+m"(*(u64 *)(at + 4)) : : "memory");
    else if (self % 4 == 2) asm volatile("lock incl %0" : "+m"(*(u32 *)at) : : "memory");
    else {
      u64 old = *(volatile u64 *)at;
      while (1) {
        u64 new = old + 0x100000001;
        u8 done;
        asm volatile("lock cmpxchgq %3, %0; setz %1" : "+m"(*(u64 *)at), "=q"(done), "+a"(old) : "r"(new) : "memory");
        if (done) break;
      }
    }
  }
}

/* How often the lower and the upper half were counted up. */
static u32 share(u32 mask) {
  u32 sum = 0;
  for (u32 i = 0; i < processors; i++) sum += mask >> i % 4 & 1 ? ROUNDS : 0;
  return sum;
}

static void sixteen(u32 self, u64 *at) {
  for (u32 i = 0; i < ROUNDS; i++) {
    if (self % 2) {
      asm volatile("lock addq %1, %0" : "+m"(at[i & 1]) : "r"(1ul << 32) : "memory");
      continue;
    }
    u64 low = at[0], high = at[1];
    u8 done = 0;
    while (!done)
      asm volatile("lock cmpxchg16b %0; setz %1" : "+m"(*(unsigned __int128 *)at), "=q"(done), "+a"(low), "+d"(high)
                   : "b"(low + 1), "c"(high + 3) : "memory");
  }
}

/* A lock whose bit lies in a dword over two pages, around counters without LOCK. */
static void critical(u8 *lock) {
  for (u32 i = 0; i < ENTRIES; i++) {
    u8 taken = 1;
    while (1) {
      asm volatile("lock btsl $17, %0; setc %1" : "+m"(*(u32 *)lock), "=q"(taken) : : "memory");
      if (!taken) break;
      asm volatile("pause");
    }
    plain[0] = plain[0] + 1;
    plain[1] = plain[1] + plain[0];
    asm volatile("lock btrl $17, %0" : "+m"(*(u32 *)lock) : : "memory");
  }
}

/* XCHG hands a token round: no value may come twice or be lost. */
static void exchange(u32 self, u8 *at, volatile u64 *sum) {
  u64 held = 0;
  for (u32 i = 0; i < ROUNDS; i++) {
    held += (u64)self + i;
    asm volatile("xchgq %0, %1" : "+r"(held), "+m"(*(u64 *)at) : : "memory");
  }
  asm volatile("lock addq %1, %0" : "+m"(*sum) : "r"(held) : "memory");
}

static volatile u64 tokens;

void work(u64 self) {
  order[__atomic_fetch_add(&order_next, 1, __ATOMIC_SEQ_CST)] = self;
  barrier();
  split(self, area[0] + 4);
  barrier();
  split(self, area[0] + 60);
  barrier();
  split(self, area[0] + 4092);
  barrier();
  sixteen(self, (u64 *)(area[1] + 64));
  barrier();
  critical(area[1] + 4094);
  barrier();
  exchange(self, area[2] + 4092, &tokens);
  barrier();
}

static u64 icr_mode;
static void send(u32 command) {
  if (icr_mode) wrmsr(0x830, command);
  else *(volatile u32 *)0xfee00300 = command;
}

static void start_others(void) {
  u8 *to = (u8 *)TRAMPOLINE;
  for (u8 *from = trampoline; from < trampoline_end; from++) *to++ = *from;
  icr_mode = rdmsr(0x1b) & 0x400;
  if (!icr_mode) {
    static u64 high[512] __attribute__((aligned(4096)));
    page_pdpt_kernel[3] = ADDRESS(high) | 3;
    high[0x1f7] = 0xfee00000 | 0x83;
    *(volatile u32 *)0xfee000f0 = 0x1ff;
  }
  ap_next = 1;
  send(0xc4500);
  for (u64 i = 0; i < 20000; i++) asm volatile("pause");
  send(0xc4600 | TRAMPOLINE >> 12);
}

void test(void) {
  u32 eax = 1, ebx, ecx = 0, edx;
  asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  processors = ebx >> 16 & 0xff;
  if (processors > MOST) processors = MOST;
  if (processors > 1) start_others();
  work(0);
  print("order");
  for (u32 i = 0; i < processors; i++) print(" "), print_hex(order[i]);
  print("\n");
  check("processors", order_next, processors);
  u8 *halves[] = { area[0] + 4, area[0] + 60, area[0] + 4092 };
  static const char *names[][2] = {
    { "split in a line: lower half", "upper half" }, { "over two lines: lower half", "upper half" },
    { "over two pages: lower half", "upper half" }
  };
  for (u32 i = 0; i < 3; i++) {
    check(names[i][0], *(u32 *)halves[i], share(0b1101));
    check(names[i][1], *(u32 *)(halves[i] + 4), share(0b1011));
  }
  u64 *wide = (u64 *)(area[1] + 64);
  u64 even = share(0b0101), odd = share(0b1010);
  check("CMPXCHG16B: lower qword", wide[0] & 0xffffffff, even);
  check("upper qword", wide[1] & 0xffffffff, 3 * even);
  check("and additions to each", (wide[0] >> 32) + (wide[1] >> 32), odd);
  u64 entries = (u64)processors * ENTRIES;
  check("a critical section", plain[0], entries);
  check("is one processor's at a time", plain[1], entries * (entries + 1) / 2);
  u64 sum = 0;
  for (u64 self = 0; self < processors; self++)
    for (u64 i = 0; i < ROUNDS; i++) sum += self + i;
  check("XCHG over two pages loses nothing", tokens + *(u64 *)(area[2] + 4092), sum);
}
