/*
 * Random page-table entries, control bits and accesses; what happened is summed up and printed every 256 accesses, so
 * that two processors can be compared. No reserved bits: interpreters differ in how they report those.
 */
#include "kernel.h"

enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, LARGE = 0x80, G = 0x100 };
#define NX (1ul << 63)
/* RAM that nothing else uses, 2 MiB of it, full of RET. */
#define SPARE 0x2000000ul

static u64 pdpt[512] __attribute__((aligned(4096))), pd[512] __attribute__((aligned(4096)));
static u64 pt[512] __attribute__((aligned(4096)));
static u64 state = 88172645463325252ul, sum;
static volatile u64 user_address, user_kind;

static u64 random(void) {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static void note(u64 value) {
  sum ^= value;
  sum *= 0x100000001b3ul;
  sum ^= sum >> 29;
}

#define ACCESS(address, kind)                                                                                         \
  do {                                                                                                                 \
    if ((kind) < 2) ATTEMPT("mov (%0), %%cl", "r"(address), "c"(0));                                                  \
    else if ((kind) == 2) ATTEMPT("movb $0xc3, (%0)", "r"(address));                                                   \
    else {                                                                                                             \
      clear();                                                                                                         \
      faulting = (address);                                                                                            \
      asm volatile("lea 1f(%%rip), %%rax\n\tmov %%rax, resume_at(%%rip)\n\tmov %%rsp, %%rbx\n\tcall *%0\n"             \
                   "1:\tmov %%rbx, %%rsp\n\tmovq $0, resume_at(%%rip)" : : "r"(address) : "rax", "rbx", "memory");     \
    }                                                                                                                  \
  } while (0)

/* clear() is a call, which user mode makes in its own view of the code. */
static void user(void) {
  u64 address = user_address, kind = user_kind;
  ACCESS(address, kind);
  USER_DONE();
}

static u64 entry_flags(u64 bits) {
  u64 flags = (bits & 15 ? P : 0) | (bits & 0x70 ? W : 0) | (bits & 0x180 ? U : 0);
  if (bits & 0x200) flags |= A;
  if (bits & 0x400) flags |= D;
  if ((bits & 0x3800) == 0) flags |= NX;
  if (bits & 0x4000) flags |= G;
  return flags;
}

void test(void) {
  u64 cr0 = READ_CR(0), cr4 = READ_CR(4), efer = rdmsr(0xc0000080);
  for (u64 i = 0; i < 0x200000; i += 8) *(u64 *)(SPARE + i) = 0xc3c3c3c3c3c3c3c3;
  page_pml4[2] = ADDRESS(pdpt) | P | W | U;
  for (u32 round = 0; round < 40; round++) {
    sum = 0xcbf29ce484222325ul;
    for (u32 i = 0; i < 256; i++) {
      u64 bits = random(), more = random();
      u32 index = bits & 3;
      u64 at = TEST_BASE + index * 0x200000 + (bits >> 2 & 3) * 4096 + (bits >> 4 & 0xfff);
      u32 page = at >> 12 & 511;
      pd[index] = entry_flags(more >> 3);
      if ((more >> 20 & 3) == 0) pd[index] |= LARGE | SPARE;
      else pd[index] |= ADDRESS(pt);
      pdpt[0] = (entry_flags(more >> 40) & (P | W | U | A | NX)) | ADDRESS(pd);
      pt[page] = entry_flags(more >> 22) | (SPARE + (u64)page * 4096);
      /* Global entries go as well: what is cached of other pages is nobody's business here. */
      WRITE_CR(4, cr4 & ~0x80ul);
      WRITE_CR(4, cr4);
      WRITE_CR(0, bits & 1ul << 40 ? cr0 : cr0 & ~0x10000ul);
      u64 extra = (bits >> 41 & 1) << 20 | (bits >> 42 & 1) << 21;
      WRITE_CR(4, cr4 | extra);
      if (extra >> 21 && bits & 1ul << 44) asm volatile("stac");
      u64 kind = bits >> 45 & 3;
      int by_user = bits >> 47 & 1;
      if (by_user) {
        user_address = at, user_kind = kind;
        clear();
        run_user(user);
      } else ACCESS(at, kind);
      if (extra >> 21) asm volatile("clac");
      note(events);
      if (events) note(event.vector), note(event.error), note(event.cr2);
      else note(pd[index] & (A | D)), note(pdpt[0] & A);
      note(pt[page] & (A | D));
      WRITE_CR(4, cr4);
    }
    WRITE_CR(0, cr0);
    wrmsr(0xc0000080, efer);
    print("ok ");
    print_hex(round);
    print(" ");
    print_hex(sum);
    print("\n");
  }
}
