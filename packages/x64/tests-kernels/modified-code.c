/* Code that changes: itself, through an alias, across pages, by remapping. Blocks that were decoded must follow. */
#include "kernel.h"

#define PAGE_FLAGS 3
static u64 pdpt[512] __attribute__((aligned(4096))), pd[512] __attribute__((aligned(4096)));
static u64 pt[512] __attribute__((aligned(4096))), other_pt[512] __attribute__((aligned(4096)));
static u8 code_a[4096] __attribute__((aligned(4096))), code_b[4096] __attribute__((aligned(4096)));
#define AT(i) (TEST_BASE + (u64)(i) * 4096)

/* MOV EAX, value; RET */
static void returns(u8 *to, u32 value) {
  to[0] = 0xb8;
  *(u32 *)(to + 1) = value;
  to[5] = 0xc3;
}

static u32 call(u64 address) {
  u32 result;
  asm volatile("call *%1" : "=a"(result) : "r"(address) : "memory", "rcx", "rdx");
  return result;
}

static void own_block(void) {
  u32 result;
  asm volatile("movb $2, 1f+1(%%rip)\n1:\tmov $1, %%eax\n" : "=a"(result) : : "memory");
  check("the next instruction of the same block", result, 2);
  asm volatile("xor %%eax, %%eax; mov $3, %%ecx\n1:\tadd $1, %%eax; addb $1, 1b+2(%%rip); dec %%ecx; jnz 1b"
               : "=a"(result) : : "rcx", "memory", "cc");
  check("a loop that changes its own immediate", result, 1 + 2 + 3);
  asm volatile("mov $0x90909090, %%eax; mov %%eax, 2f(%%rip); mov $1, %%eax\n2:\tinc %%eax; inc %%eax\n" : "=a"(result) : : "memory");
  check("instructions that become NOPs", result, 1);
}

static void by_writes(void) {
  returns(code_a, 1);
  check("new code", call(ADDRESS(code_a)), 1);
  for (u32 i = 2; i < 50; i++) {
    returns(code_a, i);
    if (call(ADDRESS(code_a)) != i) return check("code that changes again and again", 0, i);
  }
  check("code that changes again and again", 1, 1);
  for (u32 i = 0; i < 64; i++) returns(code_a + i * 64, i);
  u32 sum = 0;
  for (u32 i = 0; i < 64; i++) sum += call(ADDRESS(code_a + i * 64));
  check("64 functions in a page", sum, 63 * 32);
  code_a[40] = 7;
  returns(code_a + 10 * 64, 1000);
  sum = 0;
  for (u32 i = 0; i < 64; i++) sum += call(ADDRESS(code_a + i * 64));
  check("one of them changes", sum, 63 * 32 + 990);
  u8 *from = code_b, *to = code_a;
  u64 count = 64;
  returns(code_b, 77);
  asm volatile("rep movsb" : "+S"(from), "+D"(to), "+c"(count) : : "memory");
  check("REP MOVSB over it", call(ADDRESS(code_a)), 77);
  to = code_a, count = 8;
  asm volatile("rep stosb" : "+D"(to), "+c"(count) : "a"(0xc3) : "memory");
  asm volatile("mov $5, %%eax; call *%0" : : "r"(code_a) : "rax", "memory");
  check("REP STOSB over it", code_a[0], 0xc3);
  returns(code_a, 5);
  call(ADDRESS(code_a));
  asm volatile("lock xaddl %1, 1(%0)" : : "r"(code_a), "r"(10) : "memory");
  check("LOCK XADD on an immediate", call(ADDRESS(code_a)), 15);
  u64 expected = *(u64 *)code_a, desired = expected + (1ul << 8);
  asm volatile("lock cmpxchgq %1, (%2)" : "+a"(expected) : "r"(desired), "r"(code_a) : "memory");
  check("LOCK CMPXCHG on an instruction", call(ADDRESS(code_a)), 16);
}

static void by_alias(void) {
  returns(code_a, 1);
  pt[0] = ADDRESS(code_a) | PAGE_FLAGS;
  pt[1] = ADDRESS(code_a) | PAGE_FLAGS;
  check("code at another address", call(AT(0)), 1);
  returns((u8 *)AT(1), 2);
  check("written through an alias", call(AT(0)), 2);
  check("seen at its first address", call(ADDRESS(code_a)), 2);
  returns(code_b, 3);
  pt[0] = ADDRESS(code_b) | PAGE_FLAGS;
  invlpg(AT(0));
  check("another page after INVLPG", call(AT(0)), 3);
  pt[0] = ADDRESS(code_a) | PAGE_FLAGS;
  WRITE_CR(3, READ_CR(3));
  check("the first again after a CR3 write", call(AT(0)), 2);
  other_pt[0] = ADDRESS(code_b) | PAGE_FLAGS;
  u32 sum = 0;
  for (u32 i = 0; i < 20; i++) {
    pd[0] = ADDRESS(i & 1 ? other_pt : pt) | PAGE_FLAGS;
    WRITE_CR(3, READ_CR(3));
    sum += call(AT(0));
  }
  check("two address spaces take turns", sum, 50);
  pd[0] = ADDRESS(pt) | PAGE_FLAGS;
  invlpg(AT(0));
}

static void over_pages(void) {
  pt[2] = ADDRESS(code_a) | PAGE_FLAGS;
  pt[3] = ADDRESS(code_b) | PAGE_FLAGS;
  u8 *at = (u8 *)AT(3) - 3;
  returns(at, 0x11223344);
  check("an instruction over two pages", call(AT(3) - 3), 0x11223344);
  code_b[0] = 0x55;
  check("its second half changes", call(AT(3) - 3), 0x11553344);
  code_a[4095] = 0x66;
  check("its first half changes", call(AT(3) - 3), 0x11556644);
  code_b[1] = 0x99;
  check("its last byte changes", call(AT(3) - 3), 0x99556644);
  /* The same first page before another second page. */
  pt[4] = ADDRESS(code_a) | PAGE_FLAGS;
  pt[5] = ADDRESS(code_a) | PAGE_FLAGS;
  code_a[0] = 1, code_a[1] = 2, code_a[2] = 0xc3;
  check("the same first half before another page", call(AT(5) - 3), 0x02016644);
  check("and the other one still", call(AT(3) - 3), 0x99556644);
  /* Blocks that run from one page into the next. */
  for (u32 i = 0; i < 16; i++) code_a[4080 + i] = 0x90;
  returns(code_b, 8);
  check("falling into the next page", call(AT(3) - 8), 8);
  returns(code_b, 9);
  check("which changes", call(AT(3) - 8), 9);
}

void test(void) {
  page_pml4[2] = ADDRESS(pdpt) | PAGE_FLAGS;
  pdpt[0] = ADDRESS(pd) | PAGE_FLAGS;
  pd[0] = ADDRESS(pt) | PAGE_FLAGS;
  own_block();
  by_writes();
  by_alias();
  over_pages();
}
