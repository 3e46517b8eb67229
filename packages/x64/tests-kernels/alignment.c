/* Alignment checks of user mode: which accesses, and when they are made at all. The cases run on the host, too. */
#include "alignment-cases.h"
#include "kernel.h"

enum { FLAG_AC = 0x40000, AM = 1 << 18 };

static u64 pdpt[512] __attribute__((aligned(4096))), pd[512] __attribute__((aligned(4096)));
static u64 pt[512] __attribute__((aligned(4096)));
static u8 pages[2][4096] __attribute__((aligned(4096)));
volatile u64 target;

struct alignment_case { const char *name; u64 offset; void (*code)(void); u64 outcome; };
extern const struct alignment_case cases[], cases_end[];
asm(".set FINE, 0xffff; .set CHECK, 17; .set PROTECTION, 13; .set PAGE, 14\n"
    ".macro begin_case\n push %rbp; mov %rsp, %rbp; and $-64, %rsp; mov target(%rip), %rdi\n"
    "lea 1f(%rip), %rax; mov %rax, resume_at(%rip); xor %eax, %eax; xor %ecx, %ecx; xor %edx, %edx\n"
    "pushfq; orl $0x40000, (%rsp); popfq\n.endm\n"
    ".macro end_case\n1: mov %rbp, %rsp; pushfq; andl $~0x40000, (%rsp); popfq; fninit\n"
    "movq $0, resume_at(%rip); int $0x80\n.endm\n"
    ".data\n.balign 8\ncases:\n" ALIGNMENT_CASES(ALIGNMENT_ENTRY) ALIGNMENT_CASES_OF_AMD(ALIGNMENT_ENTRY) "cases_end:\n.text\n");

/* AC must not stay set in user mode after a fault. */
static int clear_ac(struct frame *frame) {
  frame->flags &= ~(u64)FLAG_AC;
  return 0;
}

static void run(const struct alignment_case *one) {
  for (u32 i = 0; i < sizeof pages / 8; i++) ((volatile u64 *)pages)[i] = 0;
  clear();
  target = TEST_BASE + one->offset;
  run_user(one->code);
}

/* With AC where it does not count. */
extern void plain_case(void);
asm("plain_case: mov target(%rip), %rdi; lea 1f(%rip), %rax; mov %rax, resume_at(%rip)\n"
    "movl (%rdi), %ebx\n1: movq $0, resume_at(%rip); int $0x80\n");

void test(void) {
  page_pml4[2] = ADDRESS(pdpt) | 7;
  pdpt[0] = ADDRESS(pd) | 7;
  pd[0] = ADDRESS(pt) | 7;
  pt[0] = ADDRESS(pages[0]) | 7;
  pt[1] = ADDRESS(pages[1]) | 7;
  WRITE_CR(4, READ_CR(4) | 0x600);
  u64 cr0 = READ_CR(0);
  hook = clear_ac;
  WRITE_CR(0, cr0 | AM);
  for (const struct alignment_case *one = cases; one < cases_end; one++) {
    run(one);
    check(one->name, event.vector, one->outcome);
    if (one->outcome == AC) check("its error code", event.error, 0);
  }
  struct alignment_case dword = { "", 2, plain_case, 0 };
  run(&dword);
  check("without AC nothing is checked", event.vector, NONE);
  run(&cases[3]);
  check("then with it again", event.vector, AC);
  WRITE_CR(0, cr0);
  run(&cases[3]);
  check("not without CR0.AM", event.vector, NONE);
  WRITE_CR(0, cr0 | AM);
  asm volatile("pushfq; orl $0x40000, (%%rsp); popfq" : : : "memory");
  ATTEMPT("mov 1(%0), %%ecx", "r"(TEST_BASE), "c"(0));
  check_none("not in the kernel");
  asm volatile("pushfq; andl $~0x40000, (%%rsp); popfq" : : : "memory");
  clear();
  target = TEST_BASE + 2;
  enter_user(USER(plain_case), USER(user_stack + sizeof user_stack - 8), USER_CODE, USER_DATA, 2 | FLAG_AC);
  check("IRET turns it on", event.vector, AC);
  clear();
  enter_user(USER(plain_case), USER(user_stack + sizeof user_stack - 8), USER_CODE, USER_DATA, 2);
  check("and off", event.vector, NONE);
}
