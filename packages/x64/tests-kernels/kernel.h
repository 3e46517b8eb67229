/*
 * What every test kernel shares: reporting through port 0xE9, faults that are expected, user mode.
 *
 * A test states what must happen with check(); each prints one line, "ok name" or "FAIL name: got … want …". The same
 * lines must come from QEMU.
 */
#pragma once
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

enum { KERNEL_CODE = 0x08, KERNEL_DATA = 0x10, USER_CODE32 = 0x1b, USER_DATA = 0x23, USER_CODE = 0x2b };
enum { KERNEL_CODE32 = 0x30, KERNEL_CODE16 = 0x38, TSS = 0x40, FREE = 0x50 };
enum { DE, DB, NMI, BP, OF, BR, UD, NM, DF, TS = 10, NP, SS, GP, PF, MF = 16, AC, MC, XM };

/* User mode sees RAM here (start.S). */
#define USER_BASE 0x8000000000ul
#define TEST_BASE 0x10000000000ul
#define NO_ERROR (~0ul)
#define NONE 0xffffu

/* What vectors.S leaves on the stack. */
struct frame {
  u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
  u64 vector, error;
  u64 rip, cs, flags, rsp, ss;
};

struct gate {
  u16 offset0, selector;
  u8 ist, type;
  u16 offset1;
  u32 offset2, reserved;
};

struct tss {
  u32 reserved0;
  u64 rsp[3];
  u64 reserved1;
  u64 ist[7];
  u64 reserved2;
  u16 reserved3, io_map;
} __attribute__((packed));

struct pointer {
  u16 limit;
  u64 base;
} __attribute__((packed));

/* The last exception or interrupt, as it arrived. */
extern volatile struct event {
  u64 vector, error, rip, cs, flags, rsp, ss, cr2, dr6;
  u64 handler_rsp, handler_cs, handler_ss, handler_flags, rax;
} event;
extern volatile u64 events;      /* how many since clear() */
extern volatile u64 resume_at;   /* where interrupt() returns to; 0 = where it came from */
extern volatile u64 faulting;    /* address of the instruction that ATTEMPT tries */
extern int (*volatile hook)(struct frame *);  /* sees every event first; true = handled */

extern u64 gdt[];
extern struct gate idt[256];
extern struct tss tss;
extern u64 page_pml4[512], page_pdpt_kernel[512], page_directory_kernel[512], page_directory_user[512];
extern u64 vector_table[256];
extern u8 user_stack[8192], ist_stack[8192], interrupt_stack[16384];

void test(void);
void leave(u32 code) __attribute__((noreturn));
void print(const char *text);
void print_hex(u64 value);
void check(const char *name, u64 got, u64 want);
/* The last ATTEMPT raised `vector` with `error` and its saved RIP was that of the instruction. */
void check_fault(const char *name, u64 vector, u64 error);
void check_page_fault(const char *name, u64 error, u64 address);
void check_none(const char *name);
void clear(void);
void set_gate(u32 vector, u64 handler, u32 selector, u32 type, u32 ist);
void enter_user(u64 rip, u64 rsp, u64 cs, u64 ss, u64 flags);
void run_user(void (*code)(void));
void resume_kernel(void) __attribute__((noreturn));

static inline void out8(u16 port, u8 value) { asm volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
/* QEMU's port 0xE9 reads as E9h. */
static inline int on_qemu(void) {
  u8 value;
  asm volatile("inb $0xe9, %0" : "=a"(value));
  return value == 0xe9;
}
static inline void out32(u16 port, u32 value) { asm volatile("outl %0, %1" : : "a"(value), "Nd"(port)); }
static inline u64 rdmsr(u32 index) {
  u32 low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(index));
  return low | (u64)high << 32;
}
static inline void wrmsr(u32 index, u64 value) {
  asm volatile("wrmsr" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}
static inline void invlpg(u64 address) { asm volatile("invlpg (%0)" : : "r"(address) : "memory"); }
#define READ_CR(n) ({ u64 v_; asm volatile("mov %%cr" #n ", %0" : "=r"(v_)); v_; })
#define WRITE_CR(n, v) asm volatile("mov %0, %%cr" #n : : "r"((u64)(v)) : "memory")
#define READ_DR(n) ({ u64 v_; asm volatile("mov %%dr" #n ", %0" : "=r"(v_)); v_; })
#define WRITE_DR(n, v) asm volatile("mov %0, %%dr" #n : : "r"((u64)(v)) : "memory")
#define ADDRESS(x) ((u64)(x))
#define USER(x) (USER_BASE + (u64)(x))

/* Runs one instruction that may fault; afterwards `event` tells. RIP-relative, so that user mode can use it as well. */
#define ATTEMPT(instruction, ...)                                                                                     \
  do {                                                                                                                 \
    clear();                                                                                                           \
    asm volatile("lea 2f(%%rip), %%rax\n\tmov %%rax, faulting(%%rip)\n\t"                                              \
                 "lea 1f(%%rip), %%rax\n\tmov %%rax, resume_at(%%rip)\n"                                               \
                 "2:\t" instruction "\n1:\tmovq $0, resume_at(%%rip)"                                                  \
                 : : __VA_ARGS__ : "rax", "memory", "cc");                                                             \
  } while (0)
#define USER_DONE() asm volatile("int $0x80" : : : "memory")
