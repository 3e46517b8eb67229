/*
 * Virtual-8086 mode: the way in and out by IRET and by every kind of event, real mode's segments at CPL 3, what is sensitive
 * to IOPL, ports by the bitmap alone, and instructions that do not exist there.
 */
#include "legacy.h"

enum { VM = 0x20000, IOPL3 = 0x3000, IF = 0x200, PAGE = 0x8000, AT = PAGE >> 4, STACK = 0x900 };
enum { DE = 0, BP = 3, OF = 4 };

/* What is behind a frame from virtual-8086 mode. */
struct virtual_frame { struct frame frame; u32 es, ds, fs, gs; };
static volatile struct virtual_frame last;
static volatile u32 kept_going, stop_at_first = 1;

static int keep(struct frame *frame) {
  if (!(frame->flags & VM)) return 0;
  last = *(struct virtual_frame *)frame;
  events++;
  if (stop_at_first || events > 20) resume_kernel();
  kept_going = events;
  return 1;
}

/* void enter_virtual(u32 ip, u32 flags): returns at the first event. */
void enter_virtual(u32 ip, u32 flags);
asm(".globl enter_virtual\nenter_virtual: pusha; mov 36(%esp), %ecx; mov 40(%esp), %edx; mov %esp, saved_esp\n"
    "push $0x444; push $0x333; push $0x222; push $0x111; push $0x900; push $0x800; or $0x20002, %edx; push %edx; push $0x800\n"
    "push %ecx; mov $0xaaaa1111, %eax; iret");

/* Code for it; the checks name its labels. It ends by HLT, which is #GP. */
#define CODE(label) extern u8 label[];
extern u8 code_start[], code_end[];
CODE(v_segments) CODE(v_segments_end) CODE(v_store) CODE(v_cli) CODE(v_sti) CODE(v_pushf) CODE(v_popf) CODE(v_int) CODE(v_iret)
CODE(v_flags) CODE(v_int_after) CODE(v_int3) CODE(v_out) CODE(v_in) CODE(v_far) CODE(v_limit) CODE(v_stack) CODE(v_sldt)
CODE(v_lar) CODE(v_arpl) CODE(v_lgdt) CODE(v_cr) CODE(v_div) CODE(v_into) CODE(v_step) CODE(v_back) CODE(v_ud) CODE(v_wide)
CODE(v_int3_after) CODE(v_step_first) CODE(v_string) CODE(v_lldt) CODE(v_verr) CODE(v_str)
asm(".code16\ncode_start:\n"
    "v_segments: mov %cs, %ax; mov %ss, %bx; mov %ds, %cx; mov %es, %dx; mov %fs, %si; mov %gs, %di; v_segments_end: hlt\n"
    "v_store: mov $0x910, %ax; mov %ax, %ds; movw $0x1234, 0x10; mov 0x10, %bx; push %bx; pop %es; mov %es, %cx; lds 0x20, %si\n"
    "  mov %ds, %dx; hlt\n"
    "v_cli: cli; hlt\nv_sti: sti; hlt\nv_pushf: pushf; hlt\nv_popf: popf; hlt\nv_int: int $0x21\nv_int_after: hlt\nv_iret: iret\n"
    "v_flags: sti; pushf; pop %ax; cli; pushf; pop %bx; push $0x4ed7; popf; pushf; pop %cx; hlt\n"
    "v_int3: int3\nv_int3_after: hlt\nv_out: out %al, $0x80; hlt\nv_in: in $0x81, %al; hlt\n"
    "v_far: lcall $0x801, $v_routine - code_start - 16; mov %ax, %bx; pushf; push %cs; push $v_returned - code_start; iret\n"
    "  nop; nop\nv_returned: mov $0x77, %cx; ljmp $0x802, $v_jumped - code_start - 32\nv_jumped: mov %cs, %dx; hlt\n"
    "v_routine: mov %cs, %ax; lret\n"
    "v_limit: mov 0xffff, %ax; hlt\nv_stack: mov $0xffff, %bp; mov (%bp), %ax; hlt\n"
    "v_sldt: sldt %ax; hlt\nv_str: str %ax; hlt\nv_lar: lar %ax, %bx; hlt\nv_arpl: .byte 0x63, 0xc0; hlt\nv_lldt: lldt %ax; hlt\n"
    "v_verr: verr %ax; hlt\nv_lgdt: lgdt 0; hlt\nv_cr: mov %cr0, %eax; hlt\n"
    "v_div: xor %cx, %cx; div %cx; hlt\nv_into: mov $0x7fff, %ax; inc %ax; into; hlt\n"
    "v_step: nop\nv_step_first: nop; hlt\nv_back: int3; mov $0x55, %bx; int3; mov $0x66, %cx; hlt\nv_ud: ud2\n"
    "v_wide: mov $0x12345678, %eax; push %eax; pop %bx; pop %cx; addr32 movw $0x4321, (0x9030); addr32 mov 0x930, %dx; hlt\n"
    "v_string: mov $0x910, %ax; mov %ax, %es; mov $0x900, %ax; mov %ax, %ds; mov $0x40, %si; mov $0x50, %di; mov $8, %cx\n"
    "  rep movsw; hlt\n"
    "code_end:\n.code32");

static void run(u8 *label, u32 flags) {
  for (u32 i = 0; i < code_end - code_start; i++) ((u8 *)PAGE)[i] = code_start[i];
  events = 0;
  enter_virtual(label - code_start, flags);
}
static u32 at(u8 *label) { return label - code_start; }
static void check_event(const char *name, u32 vector, u32 error, u8 *label) {
  check(name, last.frame.vector << 24 | (last.frame.error & 0xfff) << 12 | last.frame.eip, vector << 24 | (error & 0xfff) << 12 | at(label));
}

static void in_and_out(void) {
  run(v_segments, 0);
  check_event("HLT", GP, 0, v_segments_end);
  check("CS", last.frame.eax & 0xffff, AT);
  check("the upper half of EAX is as it was", last.frame.eax >> 16, 0xaaaa);
  check("SS", last.frame.ebx & 0xffff, STACK);
  check("DS", last.frame.ecx & 0xffff, 0x222);
  check("ES", last.frame.edx & 0xffff, 0x111);
  check("FS", last.frame.esi & 0xffff, 0x333);
  check("GS", last.frame.edi & 0xffff, 0x444);
  check("the saved CS", last.frame.cs & 0xffff, AT);
  check("the saved flags have VM", last.frame.flags & VM, VM);
  check("the saved stack", (last.frame.ss & 0xffff) << 16 | last.frame.esp, STACK << 16 | 0x800);
  check("the saved ES and DS", (last.es & 0xffff) << 16 | (last.ds & 0xffff), 0x01110222);
  check("the saved FS and GS", (last.fs & 0xffff) << 16 | (last.gs & 0xffff), 0x03330444);
  check("DS is null in the handler", last.frame.ds & 0xffff, 0);
  check("so is ES", last.frame.es & 0xffff, 0);
  u16 fs;
  asm volatile("mov %%fs, %0" : "=r"(fs));
  check("and FS", fs, 0);
  *(u32 *)0x9120 = 0x0abc0def;
  run(v_store, 0);
  check("a store in a segment of 16 bytes' base", *(u16 *)0x9110, 0x1234);
  check("and a load", last.frame.ebx & 0xffff, 0x1234);
  check("POP ES", last.frame.ecx & 0xffff, 0x1234);
  check("LDS", (last.frame.edx & 0xffff) << 16 | (last.frame.esi & 0xffff), 0x0abc0def);
  run(v_wide, 0);
  check("a push of 32 bits, pops of 16", (last.frame.ecx & 0xffff) << 16 | (last.frame.ebx & 0xffff), 0x12345678);
  for (u32 i = 0; i < 16; i++) ((u8 *)0x9040)[i] = i;
  run(v_string, 0);
  check("REP MOVSW", *(u32 *)0x915c, 0x0f0e0d0c);
}

static void sensitive(void) {
  run(v_cli, 0);
  check_event("CLI with IOPL 0", GP, 0, v_cli);
  run(v_sti, 0);
  check_event("STI", GP, 0, v_sti);
  run(v_pushf, 0);
  check_event("PUSHF", GP, 0, v_pushf);
  run(v_popf, 0);
  check_event("POPF", GP, 0, v_popf);
  run(v_int, 0);
  check_event("INT n", GP, 0, v_int);
  run(v_iret, 0);
  check_event("IRET", GP, 0, v_iret);
  run(v_flags, IOPL3);
  check("STI with IOPL 3", last.frame.eax & IF, IF);
  check("CLI", last.frame.ebx & IF, 0);
  check("POPF changes what it may, IOPL not", last.frame.ecx & 0xffff, 0x7ed7);
  check("VM stays", last.frame.flags & VM, VM);
  run(v_int, IOPL3);
  check_event("INT n through a user gate", 0x21, ~0u, v_int_after);
  gate(0x21, vector_table[0x21], KERNEL_CODE, 0x8e);
  run(v_int, IOPL3);
  check_event("through a supervisor gate", GP, 0x21 * 8 + 2, v_int);
  gate(0x21, vector_table[0x21], USER_CODE & ~3, 0xee);
  run(v_int, IOPL3);
  check_event("to code that is not the kernel's", GP, USER_CODE & ~3, v_int);
  gate(0x21, vector_table[0x21], KERNEL_CODE, 0xee);
  run(v_int3, 0);
  check_event("INT3 does not ask for IOPL", BP, ~0u, v_int3_after);
  run(v_into, 0);
  check("nor does INTO", last.frame.vector, OF);
}

static void ports(void) {
  run(v_out, IOPL3);
  check_event("OUT without a bitmap, IOPL 3", GP, 0, v_out);
  gdt[TSS / 8] = (gdt[TSS / 8] & ~0xffffull) | (0x67 + 18);
  for (u32 i = 0; i < 18; i++) tss.map[i] = i == 16 ? 0xfe : 0xff;
  gdt[TSS / 8] &= ~(2ull << 40);
  asm volatile("ltr %w0" : : "r"(TSS));
  run(v_out, 0);
  check_event("OUT that the bitmap allows, IOPL 0", GP, 0, v_out + 2);
  run(v_in, IOPL3);
  check_event("IN that it does not", GP, 0, v_in);
}

static void transfers(void) {
  run(v_far, IOPL3);
  check("a far call", last.frame.ebx & 0xffff, 0x801);
  check("IRET in the mode", last.frame.ecx & 0xffff, 0x77);
  check("a far jump", last.frame.edx & 0xffff, 0x802);
  run(v_limit, 0);
  check_event("a word at the end of a segment", GP, 0, v_limit);
  run(v_stack, 0);
  check("of the stack segment", last.frame.vector << 16 | last.frame.error, SS << 16);
  run(v_div, 0);
  check("a division by zero", last.frame.vector, DE);
  run(v_ud, 0);
  check_event("UD2", UD, ~0u, v_ud);
  run(v_sldt, 0);
  check_event("SLDT does not exist", UD, ~0u, v_sldt);
  run(v_str, 0);
  check_event("nor does STR", UD, ~0u, v_str);
  run(v_lar, 0);
  check_event("nor LAR", UD, ~0u, v_lar);
  run(v_arpl, 0);
  check_event("nor ARPL", UD, ~0u, v_arpl);
  run(v_lldt, 0);
  check_event("nor LLDT", UD, ~0u, v_lldt);
  run(v_verr, 0);
  check_event("nor VERR", UD, ~0u, v_verr);
  run(v_lgdt, 0);
  check_event("LGDT is the kernel's", GP, 0, v_lgdt);
  run(v_cr, 0);
  check_event("so is MOV from CR0", GP, 0, v_cr);
}

static int go_on(struct frame *frame) {
  if (frame->vector == BP || frame->vector == DB) stop_at_first = 0;
  int kept = keep(frame);
  stop_at_first = 1;
  return kept;
}

static void back_again(void) {
  hook = go_on;
  run(v_back, 0);
  check("two events and one more", events, 3);
  check("IRET goes on in the mode", last.frame.ebx & 0xffff, 0x55);
  check("twice", last.frame.ecx & 0xffff, 0x66);
  check("with its segments", (last.ds & 0xffff) << 16 | (last.gs & 0xffff), 0x02220444);
  hook = keep;
  run(v_step, 0x100);
  check_event("a single step", DB, ~0u, v_step_first);
}

void main(void) {
  setup();
  page_directory[0] |= 4;
  turn_paging_on();
  gate(0x21, vector_table[0x21], KERNEL_CODE, 0xee);
  gate(BP, vector_table[BP], KERNEL_CODE, 0xee);
  gate(OF, vector_table[OF], KERNEL_CODE, 0xee);
  hook = keep;
  in_and_out();
  sensitive();
  ports();
  transfers();
  back_again();
  leave();
}
