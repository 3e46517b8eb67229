/*
 * The alignment cases on the host's own processor: Linux sets CR0.AM, so a program needs only RFLAGS.AC. Prints one line
 * per case, as the test kernels do.
 */
#define _GNU_SOURCE
#include "alignment-cases.h"
#include <cpuid.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

struct alignment_case { const char *name; long offset; void (*code)(unsigned char *); long outcome; };
extern const struct alignment_case cases[], cases_of_amd[], cases_end[];
void *resume_at;
void *saved_rsp;
asm(".set FINE, 0xffff; .set CHECK, 17; .set PROTECTION, 13; .set PAGE, 14\n"
    ".macro begin_case\n push %rbp; push %rbx; mov %rsp, saved_rsp(%rip); and $-64, %rsp\n"
    "lea 1f(%rip), %rax; mov %rax, resume_at(%rip); xor %eax, %eax; xor %ecx, %ecx; xor %edx, %edx\n"
    "pushfq; orl $0x40000, (%rsp); popfq\n.endm\n"
    ".macro end_case\n1: mov saved_rsp(%rip), %rsp; pushfq; andl $~0x40000, (%rsp); popfq; fninit\n"
    "pop %rbx; pop %rbp; ret\n.endm\n"
    ".data\n.balign 8\ncases:\n" ALIGNMENT_CASES(ALIGNMENT_ENTRY) "cases_of_amd:\n" ALIGNMENT_CASES_OF_AMD(ALIGNMENT_ENTRY)
    "cases_end:\n.text\n");

static volatile long vector;
static void caught(int signal, siginfo_t *info, void *context) {
  asm volatile("pushfq; andl $~0x40000, (%%rsp); popfq" : : : "memory", "cc");
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  registers[REG_EFL] &= ~0x40000l;
  registers[REG_RIP] = (greg_t)resume_at;
  vector = signal == SIGBUS ? 17 : info->si_code == SEGV_MAPERR ? 14 : 13;
}

int main(void) {
  unsigned eax, ebx = 0, ecx, edx;
  __get_cpuid(0, &eax, &ebx, &ecx, &edx);
  const struct alignment_case *end = ebx == signature_AMD_ebx ? cases_end : cases_of_amd;
  unsigned char *pages = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(pages + 8192, 4096);
  memset(pages, 0, 8192);
  static char stack[65536];
  sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof stack }, 0);
  struct sigaction action = { .sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
  sigaction(SIGBUS, &action, 0);
  sigaction(SIGSEGV, &action, 0);
  for (const struct alignment_case *one = cases; one < end; one++) {
    vector = 0xffff;
    one->code(pages + one->offset);
    if (vector == one->outcome) printf("ok %s\n", one->name);
    else printf("FAIL %s: got %ld want %ld\n", one->name, vector, one->outcome);
  }
  return 0;
}
