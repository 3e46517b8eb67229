/* Long-mode paging: every #PF error code, accessed and dirty bits, WP, NX, SMEP, SMAP, large pages, INVLPG, CR3. */
#include "kernel.h"

enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, LARGE = 0x80, G = 0x100 };
#define NX (1ul << 63)
#define TABLE(x) (ADDRESS(x) | P | W | U)

static u64 pdpt[512] __attribute__((aligned(4096))), pd[512] __attribute__((aligned(4096)));
static u64 pt[512] __attribute__((aligned(4096)));
static u8 page_a[4096] __attribute__((aligned(4096))), page_b[4096] __attribute__((aligned(4096)));
static u64 other_pml4[512] __attribute__((aligned(4096)));
static volatile u64 user_result;

#define AT(i) (TEST_BASE + (u64)(i) * 4096)

static void map(u32 index, u64 entry) {
  pt[index] = entry;
  invlpg(AT(index));
}

static u64 read(u64 address) {
  u64 value = 0;
  clear();
  asm volatile("lea 2f(%%rip), %%rax\n\tmov %%rax, faulting(%%rip)\n\tlea 1f(%%rip), %%rax\n\tmov %%rax, resume_at(%%rip)\n"
               "2:\tmov (%1), %0\n1:\tmovq $0, resume_at(%%rip)" : "+r"(value) : "r"(address) : "rax", "memory");
  return value;
}

static void write(u64 address) { ATTEMPT("movl $0x12345678, (%0)", "r"(address)); }

/* Code pages that return at once: C3. */
static void execute(u64 address) {
  clear();
  faulting = address;
  asm volatile("lea 1f(%%rip), %%rax\n\tmov %%rax, resume_at(%%rip)\n\tmov %%rsp, %%rbx\n\tcall *%0\n"
               "1:\tmov %%rbx, %%rsp\n\tmovq $0, resume_at(%%rip)" : : "r"(address) : "rax", "rbx", "memory");
}

static volatile u64 user_address;
static void user_read(void) {
  ATTEMPT("mov (%0), %%rcx", "r"(user_address), "c"(0));
  USER_DONE();
}
static void user_write(void) {
  ATTEMPT("movb $1, (%0)", "r"(user_address));
  USER_DONE();
}
static void user_execute(void) {
  asm volatile("mov %0, %%rdx\n\tmov %%rdx, faulting(%%rip)\n\tlea 1f(%%rip), %%rax\n\tmov %%rax, resume_at(%%rip)\n\t"
               "mov %%rsp, %%rbx\n\tcall *%%rdx\n1:\tmov %%rbx, %%rsp\n\tmovq $0, resume_at(%%rip)"
               : : "r"(user_address) : "rax", "rbx", "rdx", "memory");
  USER_DONE();
}
static void as_user(void (*code)(void), u64 address) {
  user_address = address;
  clear();
  run_user(code);
}

static void present_and_rights(void) {
  map(0, 0);
  read(AT(0));
  check_page_fault("read of an absent page", 0, AT(0));
  write(AT(0) + 8);
  check_page_fault("write of an absent page", 2, AT(0) + 8);
  ATTEMPT("orb $1, (%0)", "r"(AT(0)));
  check_page_fault("a read-modify-write of an absent page is a write", 2, AT(0));
  execute(AT(0) + 16);
  check_page_fault("execution of an absent page", 0x10, AT(0) + 16);
  as_user(user_read, AT(0));
  check_page_fault("user read of an absent page", 4, AT(0));
  as_user(user_write, AT(0));
  check_page_fault("user write of an absent page", 6, AT(0));

  map(0, ADDRESS(page_a) | P);
  read(AT(0));
  check_none("read of a read-only page");
  check("its accessed bit is set, its dirty bit is not", pt[0] & (A | D), A);
  write(AT(0));
  check_page_fault("WP: supervisor write of a read-only page", 3, AT(0));
  check("the faulting write left the dirty bit clear", pt[0] & D, 0);
  as_user(user_read, AT(0));
  check_page_fault("user read of a supervisor page", 5, AT(0));
  as_user(user_write, AT(0));
  check_page_fault("user write of a supervisor page", 7, AT(0));

  WRITE_CR(0, READ_CR(0) & ~0x10000ul);
  write(AT(0));
  check_none("without WP a supervisor writes a read-only page");
  check("and sets its dirty bit", pt[0] & D, D);
  WRITE_CR(0, READ_CR(0) | 0x10000);
  write(AT(0));
  check_page_fault("with WP again it faults", 3, AT(0));

  map(0, ADDRESS(page_a) | P | U);
  as_user(user_read, AT(0));
  check_none("user read of a user page");
  as_user(user_write, AT(0));
  check_page_fault("user write of a read-only user page", 7, AT(0));
  map(0, ADDRESS(page_a) | P | U | W);
  as_user(user_write, AT(0));
  check_none("user write of a writable user page");
  check("accessed and dirty", pt[0] & (A | D), A | D);

  pd[0] &= ~(u64)W;
  invlpg(AT(0));
  write(AT(0));
  check_page_fault("a read-only directory entry forbids writes below it", 3, AT(0));
  pd[0] |= W;
  pd[0] &= ~(u64)U;
  invlpg(AT(0));
  as_user(user_read, AT(0));
  check_page_fault("a supervisor directory entry hides what is below it", 5, AT(0));
  pd[0] |= U;
  pd[0] &= ~(u64)P;
  invlpg(AT(0));
  read(AT(0));
  check_page_fault("an absent directory entry", 0, AT(0));
  pd[0] |= P;
  invlpg(AT(0));
}

static void accessed_and_dirty(void) {
  pt[1] = ADDRESS(page_a) | P | W;
  pd[0] &= ~(u64)A;
  pdpt[0] &= ~(u64)A;
  WRITE_CR(3, READ_CR(3));
  read(AT(1));
  check("a read sets accessed in each level", (pdpt[0] & pd[0] & pt[1]) & A, A);
  check("and dirty in none", (pdpt[0] | pd[0] | pt[1]) & D, 0);
  write(AT(1));
  check("a write after a read sets dirty", pt[1] & D, D);
  check("in the last level alone", pd[0] & D, 0);
  map(1, ADDRESS(page_a) | P | W);
  clear();
  asm volatile("lock cmpxchgl %%ecx, (%0)" : : "r"(AT(1)), "a"(1), "c"(2) : "memory");
  check("a compare-exchange that fails writes too", pt[1] & (A | D), A | D);
}

static void no_execute(void) {
  page_a[0] = page_b[0] = 0xc3;
  map(2, ADDRESS(page_a) | P);
  execute(AT(2));
  check_none("execution of a page");
  map(2, ADDRESS(page_a) | P | NX);
  execute(AT(2));
  check_page_fault("NX", 0x11, AT(2));
  check("the fetch that faulted left accessed clear", pt[2] & A, 0);
  read(AT(2));
  check_none("NX does not forbid reads");
  pt[2] = ADDRESS(page_a) | P | U;
  pd[0] |= NX;
  invlpg(AT(2));
  execute(AT(2));
  check_page_fault("NX in a directory entry", 0x11, AT(2));
  as_user(user_execute, AT(2));
  check_page_fault("NX for user mode", 0x15, AT(2));
  pd[0] &= ~NX;
  invlpg(AT(2));
  as_user(user_execute, AT(2));
  check_none("user execution");
  wrmsr(0xc0000080, rdmsr(0xc0000080) & ~0x800ul);
  map(2, ADDRESS(page_a) | P | NX);
  read(AT(2));
  check_page_fault("bit 63 is reserved without EFER.NXE", 9, AT(2));
  execute(AT(2));
  check_page_fault("and a fetch does not report itself", 9, AT(2));
  wrmsr(0xc0000080, rdmsr(0xc0000080) | 0x800);
}

static void reserved_bits(void) {
  map(3, ADDRESS(page_a) | P | 1ul << 51);
  read(AT(3));
  check_page_fault("a physical address that is too wide", 9, AT(3));
  map(3, ADDRESS(page_a) | 1ul << 51);
  read(AT(3));
  check_page_fault("reserved bits of an absent entry do not matter", 0, AT(3));
  pdpt[1] = TABLE(pd) | 1ul << 51;
  write(TEST_BASE + 0x40000000);
  check_page_fault("reserved bits in a directory pointer, on a write", 0xb, TEST_BASE + 0x40000000);
  pdpt[1] = 0;
  pd[1] = 0x200000 | P | W | LARGE | 0x2000;
  read(TEST_BASE + 0x200000);
  check_page_fault("a 2 MiB page at an odd address", 9, TEST_BASE + 0x200000);
  pd[1] = 0;
}

static void large_pages(void) {
  u64 at = TEST_BASE + 0x200000, giant = TEST_BASE + 0x40000000;
  pd[1] = 0 | P | W | U | LARGE;
  invlpg(at);
  page_b[123] = 0x5a;
  check("a 2 MiB page reads its memory", read(at + ADDRESS(page_b) + 120) >> 24 & 0xff, 0x5a);
  check("accessed, not dirty", pd[1] & (A | D), A);
  write(at + ADDRESS(page_b));
  check("a 2 MiB page becomes dirty", pd[1] & D, D);
  check("the write arrived", *(volatile u32 *)page_b, 0x12345678);
  pd[1] = 0 | P | U | LARGE;
  invlpg(at);
  write(at + ADDRESS(page_b));
  check_page_fault("a read-only 2 MiB page", 3, at + ADDRESS(page_b));
  pd[1] = 0;
  invlpg(at);
  read(at + ADDRESS(page_b));
  check_page_fault("INVLPG drops the whole 2 MiB page", 0, at + ADDRESS(page_b));
  pdpt[1] = 0 | P | W | LARGE;
  page_b[8] = 0x77;
  check("a 1 GiB page reads its memory", read(giant + ADDRESS(page_b) + 8) & 0xff, 0x77);
  write(giant + ADDRESS(page_b));
  check("a 1 GiB page becomes dirty", pdpt[1] & (A | D), A | D);
  pdpt[1] = 0;
  invlpg(giant);
  read(giant + ADDRESS(page_b));
  check_page_fault("and goes away", 0, giant + ADDRESS(page_b));
}

static void translations_go_away(void) {
  map(4, ADDRESS(page_a) | P | W);
  *(volatile u64 *)page_a = 0xaaaa;
  *(volatile u64 *)page_b = 0xbbbb;
  check("the first page", read(AT(4)), 0xaaaa);
  pt[4] = ADDRESS(page_b) | P | W;
  invlpg(AT(4));
  check("INVLPG shows the second", read(AT(4)), 0xbbbb);
  pt[4] = ADDRESS(page_a) | P | W;
  WRITE_CR(3, READ_CR(3));
  check("a CR3 write shows the first", read(AT(4)), 0xaaaa);
  for (u32 i = 0; i < 512; i++) other_pml4[i] = page_pml4[i];
  other_pml4[2] = 0;
  u64 cr3 = READ_CR(3);
  WRITE_CR(3, ADDRESS(other_pml4));
  read(AT(4));
  check_page_fault("other tables do not map it", 0, AT(4));
  WRITE_CR(3, cr3);
  check("the first tables do", read(AT(4)), 0xaaaa);
  map(4, ADDRESS(page_a) | P | W | G);
  read(AT(4));
  pt[4] = ADDRESS(page_b) | P | W | G;
  invlpg(AT(4));
  check("INVLPG drops a global page", read(AT(4)), 0xbbbb);
  pt[4] = ADDRESS(page_a) | P | W | G;
  WRITE_CR(4, READ_CR(4) & ~0x80ul);
  WRITE_CR(4, READ_CR(4) | 0x80);
  check("so does clearing CR4.PGE", read(AT(4)), 0xaaaa);
  map(4, 0);
}

static void page_crossing(void) {
  map(5, ADDRESS(page_a) | P | W);
  map(6, ADDRESS(page_b) | P | W);
  *(volatile u32 *)(page_a + 4092) = 0x44332211;
  *(volatile u32 *)page_b = 0x88776655;
  check("a read over two pages", read(AT(6) - 4), 0x8877665544332211);
  asm volatile("movq %1, (%0)" : : "r"(AT(6) - 3), "r"(0x0807060504030201ul) : "memory");
  check("a write over two pages, first half", *(volatile u32 *)(page_a + 4092), 0x03020111);
  check("a write over two pages, second half", *(volatile u64 *)page_b & 0xffffffffff, 0x0807060504);
  map(6, 0);
  read(AT(6) - 4);
  check_page_fault("the second page is absent: CR2 is its first byte", 0, AT(6));
  ATTEMPT("movq $-1, (%0)", "r"(AT(6) - 4));
  check_page_fault("a write there", 2, AT(6));
  check("wrote nothing in the first page", *(volatile u32 *)(page_a + 4092), 0x03020111);
  map(6, ADDRESS(page_b) | P);
  ATTEMPT("movq $-1, (%0)", "r"(AT(6) - 4));
  check_page_fault("nor when the second page is read-only", 3, AT(6));
  check("the first half is as it was", *(volatile u32 *)(page_a + 4092), 0x03020111);
  map(5, 0);
  ATTEMPT("movq $-1, (%0)", "r"(AT(6) - 4));
  check_page_fault("the first page absent", 2, AT(6) - 4);
  map(5, ADDRESS(page_a) | P | W);
  map(6, 0);
  page_a[4094] = 0x48, page_a[4095] = 0x89; /* MOV without its last byte */
  execute(AT(6) - 2);
  check("an instruction over two pages: vector", event.vector, PF);
  check("RIP is the instruction's", event.rip, AT(6) - 2);
  check("CR2 is the second page", event.cr2, AT(6));
  check("error", event.error, 0x10);
  page_b[0] = 0xc0, page_b[1] = 0xc3; /* MOV RAX, RAX; RET */
  map(6, ADDRESS(page_b) | P);
  execute(AT(6) - 2);
  check_none("an instruction over two pages runs");
}

static void canonical(void) {
  u64 bad = 0x800000000000ul;
  ATTEMPT("mov (%0), %%rcx", "r"(bad), "c"(0));
  check_fault("a non-canonical read", GP, 0);
  ATTEMPT("movb $1, (%0)", "r"(~0ul << 48));
  check_fault("a non-canonical write", GP, 0);
  idt[SS].ist = idt[GP].ist = 1;
  clear();
  asm volatile("lea 2f(%%rip), %%rax\n\tmov %%rax, faulting(%%rip)\n\tlea 1f(%%rip), %%rax\n\tmov %%rax, resume_at(%%rip)\n\t"
               "mov %%rsp, %%rbx\n\tmov %0, %%rsp\n2:\tpush %%rax\n1:\tmov %%rbx, %%rsp" : : "r"(bad + 64) : "rax", "rbx", "memory");
  check_fault("a non-canonical push", SS, 0);
  check("the push left RSP alone", event.rsp, bad + 64);
  idt[SS].ist = idt[GP].ist = 0;
}

static void sm_ep_ap(void) {
  u64 cr4 = READ_CR(4);
  map(7, ADDRESS(page_a) | P | W | U);
  page_a[0] = 0xc3;
  execute(AT(7));
  check_none("without SMEP a supervisor executes a user page");
  WRITE_CR(4, cr4 | 1 << 20);
  execute(AT(7));
  check_page_fault("SMEP", 0x11, AT(7));
  read(AT(7));
  check_none("SMEP does not forbid reads");
  WRITE_CR(4, cr4 | 1 << 21);
  execute(AT(7));
  check_none("SMAP does not forbid execution");
  read(AT(7));
  check_page_fault("SMAP: read", 1, AT(7));
  write(AT(7));
  check_page_fault("SMAP: write", 3, AT(7));
  asm volatile("stac");
  read(AT(7));
  check_none("SMAP with AC set: read");
  asm volatile("stac");
  write(AT(7));
  check_none("SMAP with AC set: write");
  asm volatile("clac");
  read(AT(7));
  check_page_fault("CLAC forbids again", 1, AT(7));
  as_user(user_read, AT(7));
  check_none("SMAP does not touch user mode");
  WRITE_CR(4, cr4);
}

void test(void) {
  page_pml4[2] = TABLE(pdpt);
  pdpt[0] = TABLE(pd);
  pd[0] = TABLE(pt);
  present_and_rights();
  accessed_and_dirty();
  no_execute();
  reserved_bits();
  large_pages();
  translations_go_away();
  page_crossing();
  canonical();
  sm_ep_ap();
}
