/* What the test kernels of 32-bit code share: reporting, expected faults, descriptors, page tables. */
#pragma once
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

enum { KERNEL_CODE = 0x08, KERNEL_DATA = 0x10, USER_CODE = 0x1b, USER_DATA = 0x23, TSS = 0x28, FREE = 0x30 };
enum { DB = 1, UD = 6, DF = 8, TS = 10, NP, SS, GP, PF };
#define NO_ERROR (~0u)
#define ADDRESS(x) ((u32)(x))
#define USER_BASE 0x80000000u
#define TEST_BASE 0x40000000u

struct frame {
  u32 es, ds, edi, esi, ebp, esp0, ebx, edx, ecx, eax, vector, error, eip, cs, flags, esp, ss;
};
extern u64 gdt[];
extern u32 vector_table[256];
void enter_user(u32 eip, u32 esp);
void resume_kernel(void) __attribute__((noreturn));

volatile u32 events, resume_at, faulting;
volatile struct { u32 vector, error, eip, cs, flags, esp, ss, ds, cr2, handler_esp; } event;
static u64 idt[256] __attribute__((aligned(16)));
static u32 failures;
u32 page_directory[1024] __attribute__((aligned(4096))), page_table[1024] __attribute__((aligned(4096)));
u64 pae_pointers[4] __attribute__((aligned(4096))), pae_directories[4][512] __attribute__((aligned(4096)));
u64 pae_table[512] __attribute__((aligned(4096)));
static u8 page[4096] __attribute__((aligned(4096)));
static u8 user_stack[4096] __attribute__((aligned(4096))), kernel_stack[8192] __attribute__((aligned(4096)));
volatile u32 seen[16];
volatile struct { u32 link, esp0, ss0, rest0[4], cr3, eip, rest1[16]; u16 trap, io_map; u8 map[32]; } tss;
/* Sees every event first; true = handled. */
static int (*volatile hook)(struct frame *);

static inline void out8(u16 port, u8 value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static void print(const char *text) {
  while (*text) out8(0xe9, *text++);
}
static void print_hex(u32 value) {
  for (int shift = 28; shift >= 0; shift -= 4) out8(0xe9, "0123456789abcdef"[value >> shift & 15]);
}
static void check(const char *name, u32 got, u32 want) {
  print(got == want ? "ok " : "FAIL ");
  print(name);
  if (got != want) print(": got "), print_hex(got), print(" want "), print_hex(want), failures++;
  print("\n");
}
static void leave(void) {
  print(failures ? "failed\n" : "done\n");
  asm volatile("outl %0, $0xf4" : : "a"(failures != 0));
  for (;;) asm volatile("cli; hlt");
}
static void check_fault(const char *name, u32 vector, u32 error) {
  int good = events == 1 && event.vector == vector && event.error == error && event.eip == faulting;
  print(good ? "ok " : "FAIL ");
  print(name);
  if (!good) {
    print(": got events "), print_hex(events), print(" vector "), print_hex(event.vector), print(" error ");
    print_hex(event.error), print(" eip "), print_hex(event.eip), print(" of "), print_hex(faulting), failures++;
  }
  print("\n");
}
static void check_none(const char *name) { check(name, events, 0); }

void interrupt(struct frame *frame) {
  if (hook && hook(frame)) return;
  if (frame->vector == 0x80) resume_kernel();
  events++;
  event.vector = frame->vector;
  event.error = frame->error;
  event.eip = frame->eip;
  event.cs = frame->cs;
  event.flags = frame->flags;
  event.esp = frame->esp;
  event.ss = frame->ss;
  event.ds = frame->ds;
  event.handler_esp = ADDRESS(frame);
  asm volatile("mov %%cr2, %0" : "=r"(event.cr2));
  if (resume_at) frame->eip = resume_at, resume_at = 0;
  else if (frame->vector < 32 && frame->vector != 3) {
    check("no fault was expected", frame->vector, 0);
    leave();
  }
}

#define ATTEMPT(setup, instruction, ...)                                                                              \
  do {                                                                                                                 \
    events = 0;                                                                                                        \
    asm volatile("movl $2f, faulting; movl $1f, resume_at; mov %%esp, %%ebx; " setup "\n2:\t" instruction              \
                 "\n1:\tmov %%ebx, %%esp; movl $0, resume_at" : : __VA_ARGS__                                          \
                 : "eax", "ebx", "edx", "memory", "cc");                                                               \
  } while (0)

static u32 slot(u32 index, u32 base, u32 limit, u32 attributes) {
  gdt[FREE / 8 + index] = (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)(attributes & 0xf0ff) << 40 |
    (u64)(limit >> 16 & 15) << 48 | (u64)(base >> 24) << 56;
  return FREE + index * 8;
}
static void gate(u32 vector, u32 handler, u32 selector, u32 type) {
  idt[vector] = (handler & 0xffff) | (u64)selector << 16 | (u64)type << 40 | (u64)(handler >> 16) << 48;
}

/* IDT, TSS, and page tables of 4 MiB pages that are not turned on yet: RAM at its address, and at USER_BASE for user mode. */
static void setup(void) {
  for (u32 i = 0; i < 256; i++) gate(i, vector_table[i], KERNEL_CODE, i == 0x80 ? 0xee : 0x8e);
  struct { u16 limit; u32 base; } __attribute__((packed)) pointer = { sizeof idt - 1, ADDRESS(idt) };
  asm volatile("lidt %0" : : "m"(pointer));
  tss.esp0 = ADDRESS(kernel_stack + sizeof kernel_stack), tss.ss0 = KERNEL_DATA, tss.io_map = 0x68;
  u32 at = ADDRESS(&tss);
  gdt[TSS / 8] = 0x67 | (u64)(at & 0xffffff) << 16 | 0x89ull << 40 | (u64)(at >> 24) << 56;
  asm volatile("ltr %w0" : : "r"(TSS));
  for (u32 i = 0; i < 16; i++) {
    page_directory[i] = i << 22 | 0x83;
    page_directory[(USER_BASE >> 22) + i] = i << 22 | 0x87;
  }
}

static void turn_paging_on(void) {
  asm volatile("mov $0x10, %%eax; mov %%eax, %%cr4; mov %0, %%cr3; mov %%cr0, %%eax; or $0x80000000, %%eax; mov %%eax, %%cr0"
               : : "r"(page_directory) : "eax", "memory");
}
