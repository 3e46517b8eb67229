/*
 * Address spaces: PCIDs, bit 63 of CR3, INVPCID, global pages, and what CR4.PCIDE needs. Caches of translations may always
 * forget; a check that something is still known holds only where it is, and is left to the counts of misses of our own machine.
 */
#include "kernel.h"

enum { P = 1, W = 2, U = 4, G = 0x100, PCIDE = 1 << 17, PGE = 0x80 };
#define KEEP (1ul << 63)
static u64 pml4[2][512] __attribute__((aligned(4096))), pdpt[2][512] __attribute__((aligned(4096)));
static u64 pd[2][512] __attribute__((aligned(4096))), pt[2][512] __attribute__((aligned(4096)));
static u8 page_a[4096] __attribute__((aligned(4096))), page_b[4096] __attribute__((aligned(4096)));
static u64 first_cr3;

static u64 space(u32 index, u64 pcid) { return ADDRESS(pml4[index]) | pcid; }
static u64 read(u64 address) {
  u64 value = 0xdead;
  clear();
  asm volatile("lea 2f(%%rip), %%rax\n\tmov %%rax, faulting(%%rip)\n\tlea 1f(%%rip), %%rax\n\tmov %%rax, resume_at(%%rip)\n"
               "2:\tmov (%1), %0\n1:\tmovq $0, resume_at(%%rip)" : "+r"(value) : "r"(address) : "rax", "memory");
  return value;
}
static inline void invpcid(u64 type, u64 pcid, u64 address) {
  u64 descriptor[2] = { pcid, address };
  asm volatile("invpcid %1, %0" : : "r"(type), "m"(descriptor) : "memory");
}
#define INVPCID(type, pcid, address)                                                                                   \
  do {                                                                                                                 \
    static volatile u64 descriptor_[2];                                                                                \
    descriptor_[0] = pcid, descriptor_[1] = address;                                                                   \
    ATTEMPT("invpcid (%0), %1", "r"(descriptor_), "r"((u64)(type)));                                                   \
  } while (0)

static void build(void) {
  for (u32 i = 0; i < 2; i++) {
    for (u32 j = 0; j < 512; j++) pml4[i][j] = page_pml4[j];
    pml4[i][2] = ADDRESS(pdpt[i]) | P | W | U;
    pdpt[i][0] = ADDRESS(pd[i]) | P | W | U;
    pd[i][0] = ADDRESS(pt[i]) | P | W | U;
    pt[i][0] = ADDRESS(i ? page_b : page_a) | P | W | U;
    pt[i][1] = ADDRESS(i ? page_b : page_a) | P | W;
  }
  *(volatile u64 *)page_a = 0xaaaa;
  *(volatile u64 *)page_b = 0xbbbb;
}

static volatile u64 user_value;
static void user_read(void) {
  user_value = *(volatile u64 *)TEST_BASE;
  USER_DONE();
}
/* The same address, of other code in each space: MOV $n, EAX; RET. */
static void user_run(void) {
  u64 value;
  asm volatile("call *%1" : "=a"(value) : "r"(TEST_BASE + 64) : "memory");
  user_value = value;
  USER_DONE();
}
static u64 as_user(void (*code)(void)) {
  run_user(code);
  return user_value;
}

static void turning_on(void) {
  u64 cr4 = READ_CR(4);
  first_cr3 = READ_CR(3);
  WRITE_CR(3, first_cr3 | 1);
  ATTEMPT("mov %0, %%cr4", "r"(cr4 | PCIDE));
  check_fault("CR4.PCIDE with a PCID in CR3", GP, 0);
  WRITE_CR(3, first_cr3);
  ATTEMPT("mov %0, %%cr3", "r"(first_cr3 | KEEP));
  check_fault("bit 63 of CR3 without CR4.PCIDE", GP, 0);
  INVPCID(1, 5, 0);
  check_fault("INVPCID of a PCID without it", GP, 0);
  ATTEMPT("mov %0, %%cr4", "r"(cr4 | PCIDE));
  check_none("CR4.PCIDE");
  WRITE_CR(3, first_cr3 | 7 | KEEP);
  check("CR3 reads without bit 63", READ_CR(3), first_cr3 | 7);
  WRITE_CR(3, first_cr3);
}

static void spaces(void) {
  WRITE_CR(3, space(0, 1));
  check("the first space", read(TEST_BASE), 0xaaaa);
  WRITE_CR(3, space(1, 2));
  check("the second", read(TEST_BASE), 0xbbbb);
  WRITE_CR(3, space(0, 1) | KEEP);
  check("the first again", read(TEST_BASE), 0xaaaa);
  check("for user mode", as_user(user_read), 0xaaaa);
  WRITE_CR(3, space(1, 2) | KEEP);
  check("the second, for user mode", as_user(user_read), 0xbbbb);
  WRITE_CR(3, space(0, 1) | KEEP);
  check("back in the first", as_user(user_read), 0xaaaa);
  pt[1][0] = ADDRESS(page_a) | P | W | U;
  WRITE_CR(3, space(1, 2));
  check("without bit 63 what was known is forgotten", as_user(user_read), 0xaaaa);
  pt[1][0] = ADDRESS(page_b) | P | W | U;
  invpcid(0, 2, TEST_BASE);
  check("INVPCID of an address", as_user(user_read), 0xbbbb);
  WRITE_CR(3, space(0, 1) | KEEP);
  pt[1][0] = ADDRESS(page_a) | P | W | U;
  invpcid(0, 2, TEST_BASE);
  WRITE_CR(3, space(1, 2) | KEEP);
  check("of another PCID's", as_user(user_read), 0xaaaa);
  WRITE_CR(3, space(0, 1) | KEEP);
  pt[1][0] = ADDRESS(page_b) | P | W | U;
  invpcid(1, 2, 0);
  WRITE_CR(3, space(1, 2) | KEEP);
  check("INVPCID of a PCID", as_user(user_read), 0xbbbb);
  pt[1][0] = ADDRESS(page_a) | P | W | U;
  invpcid(3, 0, 0);
  check("INVPCID of all but global pages", as_user(user_read), 0xaaaa);
  pt[1][0] = ADDRESS(page_b) | P | W | U | G;
  invpcid(2, 0, 0);
  check("INVPCID of everything", as_user(user_read), 0xbbbb);
  pt[1][0] = ADDRESS(page_a) | P | W | U | G;
  invlpg(TEST_BASE);
  check("INVLPG of a global page", as_user(user_read), 0xaaaa);
  pt[1][0] = ADDRESS(page_b) | P | W | U;
  pt[0][0] = ADDRESS(page_a) | P | W | U;
  invpcid(2, 0, 0);
}

static void code(void) {
  static const u8 routine[] = { 0xb8, 1, 0, 0, 0, 0xc3 };
  for (u32 i = 0; i < sizeof routine; i++) page_a[64 + i] = page_b[64 + i] = routine[i];
  page_b[65] = 2;
  for (u32 round = 0; round < 3; round++) {
    WRITE_CR(3, space(0, 1) | KEEP);
    check("code of the first space", as_user(user_run), 1);
    WRITE_CR(3, space(1, 2) | KEEP);
    check("code of the second at the same address", as_user(user_run), 2);
  }
  page_b[65] = 3;
  check("and after it was changed", as_user(user_run), 3);
  WRITE_CR(3, space(0, 1) | KEEP);
  check("the first is as it was", as_user(user_run), 1);
  pt[1][0] = ADDRESS(page_a) | P | W | U;
  invpcid(0, 2, TEST_BASE);
  WRITE_CR(3, space(1, 2) | KEEP);
  check("another page at the code's address", as_user(user_run), 1);
  pt[1][0] = ADDRESS(page_b) | P | W | U;
  invpcid(1, 2, 0);
}

/* More spaces than any processor keeps apart. */
static void many(void) {
  u32 wrong = 0;
  for (u32 i = 0; i < 200; i++) {
    u32 which = i * 7 % 3 == 0;
    WRITE_CR(3, space(which, 10 + which * 50 + i % 11) | (i > 60 ? KEEP : 0));
    if (as_user(user_run) != (which ? 3 : 1)) wrong++;
    if (read(TEST_BASE) != (which ? 0xbbbb : 0xaaaa)) wrong++;
  }
  check("two spaces under many PCIDs", wrong, 0);
}

static void refused(void) {
  INVPCID(4, 0, 0);
  check_fault("INVPCID of type 4", GP, 0);
  INVPCID(1, 0x1000, 0);
  check_fault("of a PCID that is too wide", GP, 0);
  INVPCID(0, 1, 1ul << 47);
  check_fault("of an address that is not canonical", GP, 0);
  ATTEMPT("mov %0, %%cr0", "r"(READ_CR(0) & ~(1ul << 31)));
  check_fault("CR0.PG stays while CR4.PCIDE is set", GP, 0);
  WRITE_CR(3, first_cr3);
  pt[0][0] = ADDRESS(page_b) | P | W | U;
  WRITE_CR(4, READ_CR(4) & ~(u64)PCIDE);
  WRITE_CR(3, space(0, 0));
  check("clearing CR4.PCIDE forgets everything", as_user(user_read), 0xbbbb);
  WRITE_CR(3, first_cr3);
}

void test(void) {
  build();
  turning_on();
  spaces();
  code();
  many();
  refused();
}
