/*
 * Memory that is a device: each access must reach it once, with its size and value, whatever instruction makes it. The
 * test machine's device, at D000_0000h:
 *
 *     000-7ff  registers that keep what is written
 *     800      reads count: 1, 2, 3 … (any size)
 *     808      writes are added up
 *     810      reads the sum, 818 the number of writes to 808
 */
#include "kernel.h"

static u64 pd[512] __attribute__((aligned(4096)));
static u8 buffer[64] __attribute__((aligned(64)));
#define DEVICE 0xd0000000ul
#define COUNT ((volatile u32 *)(DEVICE + 0x800))
#define ADD (DEVICE + 0x808)
#define SUM (*(volatile u32 *)(DEVICE + 0x810))
#define WRITES (*(volatile u32 *)(DEVICE + 0x818))

static u32 last;
static void once(const char *name, u64 value) {
  check(name, value, last + 1);
  last = value;
}

static void reads(void) {
  u64 v;
  last = *COUNT;
  once("MOV", *COUNT);
  asm volatile("movzbl (%1), %k0" : "=r"(v) : "r"(COUNT) : "memory");
  once("MOVZX", v);
  v = 100;
  asm volatile("add (%1), %k0" : "+r"(v) : "r"(COUNT) : "memory");
  once("ADD", v - 100);
  asm volatile("push (%1); pop %0" : "=r"(v) : "r"(COUNT) : "memory");
  once("PUSH", v & 0xffffffff);
  volatile void *from = COUNT;
  asm volatile("lodsl" : "=a"(v), "+S"(from) : : "memory");
  once("LODS", v);
  check("LODS moves on", (u64)from, ADDRESS(COUNT) + 4);
  v = last + 1;
  u8 equal;
  asm volatile("cmp %k1, (%2); sete %0" : "=q"(equal) : "r"(v), "r"(COUNT) : "memory", "cc");
  check("CMP", equal, 1);
  last++;
  u32 polls = 0;
  while (*COUNT < last + 100) polls++;
  check("a loop that polls", polls, 99);
  last += 100;
  from = COUNT;
  void *to = buffer;
  asm volatile("movsl" : "+S"(from), "+D"(to) : : "memory");
  once("MOVS from a device", *(u32 *)buffer);
  asm volatile("xor %%ecx, %%ecx; bt %%rcx, (%0)" : : "r"(COUNT) : "rcx", "memory", "cc");
  last++;
  once("BT before it read once", *COUNT);
  asm volatile("mov $1, %%ecx; cmovz (%0), %%ecx" : : "r"(COUNT) : "rcx", "memory", "cc");
  last++;
  once("CMOV reads, whatever its condition", *COUNT);
}

static void writes(void) {
  u32 sum = SUM, number = WRITES;
  *(volatile u32 *)ADD = 5;
  *(volatile u8 *)ADD = 6;
  *(volatile u64 *)ADD = 7;
  check("three sizes of MOV", SUM - sum, 18);
  check("three writes", WRITES - number, 3);
  sum = SUM, number = WRITES;
  asm volatile("pushq $9; pop (%0)" : : "r"(ADD) : "memory");
  check("POP", SUM - sum, 9);
  check("one write", WRITES - number, 1);
  sum = SUM, number = WRITES;
  void *to = (void *)ADD;
  asm volatile("stosl" : "+D"(to) : "a"(11) : "memory");
  check("STOS", SUM - sum, 11);
  sum = SUM;
  *(u32 *)buffer = 12;
  void *from = buffer;
  to = (void *)ADD;
  asm volatile("movsl" : "+S"(from), "+D"(to) : : "memory");
  check("MOVS to a device", SUM - sum, 12);
  check("as one write", WRITES - number, 2);
  asm volatile("cmp %%eax, %%eax; setz (%0)" : : "r"(ADD) : "memory", "cc");
  check("SETcc", SUM - sum, 13);
}

static void both(void) {
  volatile u32 *r = (volatile u32 *)DEVICE;
  for (u32 i = 0; i < 64; i++) r[i] = i;
  check("a register keeps its value", r[5], 5);
  asm volatile("addl $10, (%0)" : : "r"(r + 5) : "memory", "cc");
  check("ADD reads and writes once", r[5], 15);
  asm volatile("incl (%0); negl (%0)" : : "r"(r + 5) : "memory", "cc");
  check("INC, NEG", r[5], (u32)-16);
  u32 v = 77;
  asm volatile("xchg %0, (%1)" : "+r"(v) : "r"(r + 6) : "memory");
  check("XCHG reads", v, 6);
  check("XCHG writes", r[6], 77);
  v = 3;
  asm volatile("lock xaddl %0, (%1)" : "+r"(v) : "r"(r + 6) : "memory", "cc");
  check("LOCK XADD", r[6] * 1000 + v, 80077);
  v = 80;
  asm volatile("lock cmpxchgl %2, (%1)" : "+a"(v) : "r"(r + 6), "r"(81) : "memory", "cc");
  check("LOCK CMPXCHG", r[6], 81);
  volatile void *from = r + 8;
  volatile void *to = r + 16;
  asm volatile("movsq" : "+S"(from), "+D"(to) : : "memory");
  check("MOVS from device to device", r[16] * 100 + r[17], 809);
  u64 count = 8;
  from = r + 20, to = r + 40;
  asm volatile("rep movsl" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
  check("REP MOVS", r[40] * 100 + r[47], 2027);
  check("REP MOVS ends with a count of 0", count, 0);
  asm volatile("shll $4, (%0)" : : "r"(r + 30) : "memory", "cc");
  check("SHL", r[30], 480);
  asm volatile("btsl $0, (%0)" : : "r"(r + 30) : "memory", "cc");
  check("BTS", r[30], 481);
  *(volatile u64 *)(DEVICE + 0x1fc) = 0x1122334455667788;
  check("an unaligned write", *(volatile u64 *)(DEVICE + 0x1fc), 0x1122334455667788);
  check("its second half", *(volatile u32 *)(DEVICE + 0x200), 0x11223344);
  u64 before = *COUNT;
  ATTEMPT("cmp %%eax, %%eax; mov (%0), %%ecx", "r"(COUNT), "c"(0));
  check_none("nothing faults");
  check("no access is made twice", *COUNT, before + 2);
}

/* Tables and stacks in the device: more accesses than one instruction may make of it. */
static void too_many(void) {
  volatile u64 *r = (volatile u64 *)DEVICE;
  static u64 pml4_entry;
  pml4_entry = page_pml4[2];
  page_pml4[2] = DEVICE | 3;
  u64 at = TEST_BASE | 1ul << 30 | 2ul << 21 | 3ul << 12;
  for (u32 i = 1; i < 5; i++) r[i] = DEVICE | 3;
  r[32] = 0x1234;
  u64 value = 0;
  ATTEMPT("mov 0x100(%0), %%ecx", "r"(at), "c"(0));
  check_none("page tables in a device");
  ATTEMPT("mov 0xffc(%0), %%rcx", "r"(at), "c"(0));
  check_fault("too many accesses by one instruction are refused", GP, 0);
  invlpg(at);
  asm volatile("mov 0x100(%1), %k0" : "=r"(value) : "r"(at));
  check("the next instruction makes its own", value, 0x1234);
  page_pml4[2] = pml4_entry;
  idt[UD].ist = 2;
  tss.ist[1] = DEVICE + 0x400;
  set_gate(DF, vector_table[DF], KERNEL_CODE, 0x8e, 1);
  ATTEMPT("ud2", "i"(0));
  check("a stack in a device ends in a double fault or a GP", event.vector == GP || event.vector == DF, 1);
  idt[UD].ist = 0;
  *(volatile u32 *)(DEVICE + 0x40) = 7;
  check("devices work as before", *(volatile u32 *)(DEVICE + 0x40), 7);
}

void test(void) {
  page_pdpt_kernel[3] = ADDRESS(pd) | 3;
  pd[0x80] = DEVICE | 0x83;
  reads();
  writes();
  both();
  too_many();
}
