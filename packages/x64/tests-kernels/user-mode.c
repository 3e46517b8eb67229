/* What user mode may see and do: CR4.UMIP, the FS and GS base instructions, hypercalls. */
#include "kernel.h"

static volatile u64 user_value;
static u64 as_user(void (*code)(void)) {
  run_user(code);
  return user_value;
}

static void user_sgdt(void) {
  struct pointer stored;
  ATTEMPT("sgdt (%0)", "r"(&stored));
  USER_DONE();
}
static void user_str(void) {
  ATTEMPT("str %%eax", "i"(0));
  USER_DONE();
}
static void user_smsw(void) {
  ATTEMPT("smsw %%eax", "i"(0));
  USER_DONE();
}
static void user_vmcall(void) {
  ATTEMPT("vmcall", "i"(0));
  USER_DONE();
}
static void user_vmmcall(void) {
  ATTEMPT("vmmcall", "i"(0));
  USER_DONE();
}
static void user_base(void) {
  asm volatile("wrgsbase %1; rdgsbase %0" : "=r"(user_value) : "r"(0x123456789abcul));
  USER_DONE();
}

void test(void) {
  u64 cr4 = READ_CR(4);
  run_user(user_sgdt);
  check_none("SGDT in user mode");
  WRITE_CR(4, cr4 | 1 << 11);
  run_user(user_sgdt);
  check_fault("not with CR4.UMIP", GP, 0);
  run_user(user_str);
  check_fault("nor STR", GP, 0);
  run_user(user_smsw);
  check_fault("nor SMSW", GP, 0);
  ATTEMPT("str %%eax", "i"(0));
  check_none("the kernel may");
  WRITE_CR(4, cr4 & ~(1ul << 16));
  ATTEMPT("rdfsbase %%rax", "i"(0));
  check_fault("RDFSBASE without CR4.FSGSBASE", UD, NO_ERROR);
  WRITE_CR(4, cr4 | 1 << 16);
  check("WRGSBASE and RDGSBASE in user mode", as_user(user_base), 0x123456789abc);
  check("it is the MSR", rdmsr(0xc0000101), 0x123456789abc);
  u64 value;
  asm volatile("mov %1, %%ecx; wrfsbase %%ecx; rdfsbase %0" : "=r"(value) : "r"(0x87654321u) : "ecx");
  check("32 bits clear the upper half", value, 0x87654321);
  ATTEMPT("wrfsbase %0", "r"(1ul << 47));
  check_fault("a base that is not canonical", GP, 0);
  WRITE_CR(4, cr4);
  run_user(user_vmcall);
  check_fault("VMCALL in user mode", UD, NO_ERROR);
  run_user(user_vmmcall);
  check_fault("VMMCALL in user mode", UD, NO_ERROR);
}
