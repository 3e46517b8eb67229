/*
 * Accesses of user mode with CR0.AM and RFLAGS.AC, and what becomes of each: CASE(name, offset, instruction, outcome).
 * RDI points `offset` bytes into two pages of zeros, behind which nothing is mapped; RBX, RSI, R8 and the vector registers
 * are free. The test kernel runs them at CPL 3, and so does the host's own processor where it is an x86-64.
 */
#define ALIGNMENT_CASES(CASE)                                                                                          \
  CASE("a byte", 1, "movb (%rdi), %bl", FINE)                                                                          \
  CASE("a word", 1, "movw (%rdi), %bx", CHECK)                                                                         \
  CASE("a word that is aligned", 2, "movw (%rdi), %bx", FINE)                                                          \
  CASE("a dword", 2, "movl (%rdi), %ebx", CHECK)                                                                       \
  CASE("a dword that is aligned", 4, "movl (%rdi), %ebx", FINE)                                                        \
  CASE("a qword", 4, "movq (%rdi), %rbx", CHECK)                                                                       \
  CASE("a store", 4, "movq %rbx, (%rdi)", CHECK)                                                                       \
  CASE("an addition to memory", 2, "addl $1, (%rdi)", CHECK)                                                           \
  CASE("a locked one", 2, "lock addl $1, (%rdi)", CHECK)                                                               \
  CASE("XCHG of bytes", 1, "xchg %bl, (%rdi)", FINE)                                                                   \
  CASE("CMPXCHG8B", 4, "lock cmpxchg8b (%rdi)", CHECK)                                                                 \
  CASE("CMPXCHG16B is #GP before", 8, "lock cmpxchg16b (%rdi)", PROTECTION)                                            \
  CASE("BT", 4, "xor %ebx, %ebx; btq %rbx, (%rdi)", CHECK)                                                             \
  CASE("BSF", 2, "bsf (%rdi), %ebx", CHECK)                                                                            \
  CASE("CRC32", 2, "crc32l (%rdi), %ebx", CHECK)                                                                       \
  CASE("MOVNTI", 4, "movnti %rbx, (%rdi)", CHECK)                                                                      \
  CASE("a selector to memory", 1, "movw %gs, (%rdi)", CHECK)                                                           \
  CASE("LSL", 1, "lsl (%rdi), %ebx", CHECK)                                                                            \
  CASE("CLFLUSH", 1, "clflush (%rdi)", FINE)                                                                           \
  CASE("PREFETCH", 1, "prefetchnta (%rdi)", FINE)                                                                      \
  CASE("a far pointer of 32 bits, as words", 2, "lgs (%rdi), %bx", FINE)                                               \
  CASE("at an odd address", 1, "lgs (%rdi), %bx", CHECK)                                                               \
  CASE("a far pointer of 48 bits", 2, "lgs (%rdi), %ebx", CHECK)                                                       \
  CASE("on a dword", 4, "lgs (%rdi), %ebx", FINE)                                                                      \
  CASE("MOVUPS on a qword", 8, "movups (%rdi), %xmm0", CHECK)                                                          \
  CASE("MOVUPS at an odd address", 1, "movups (%rdi), %xmm0", CHECK)                                                   \
  CASE("MOVUPS that stores", 8, "movups %xmm0, (%rdi)", CHECK)                                                         \
  CASE("MOVDQU", 8, "movdqu (%rdi), %xmm0", CHECK)                                                                     \
  CASE("LDDQU", 8, "lddqu (%rdi), %xmm0", CHECK)                                                                       \
  CASE("MOVAPS is #GP before", 8, "movaps (%rdi), %xmm0", PROTECTION)                                                  \
  CASE("so is ADDPS", 4, "addps (%rdi), %xmm0", PROTECTION)                                                            \
  CASE("and MOVNTDQ", 1, "movntdq %xmm0, (%rdi)", PROTECTION)                                                          \
  CASE("MOVSD", 4, "movsd (%rdi), %xmm0", CHECK)                                                                       \
  CASE("MOVSS", 2, "movss (%rdi), %xmm0", CHECK)                                                                       \
  CASE("MOVLPS", 4, "movlps (%rdi), %xmm0", CHECK)                                                                     \
  CASE("MOVDDUP", 4, "movddup (%rdi), %xmm0", CHECK)                                                                   \
  CASE("CVTPS2PD", 4, "cvtps2pd (%rdi), %xmm0", CHECK)                                                                 \
  CASE("CVTSI2SD", 4, "cvtsi2sdq (%rdi), %xmm0", CHECK)                                                                \
  CASE("PINSRW", 1, "pinsrw $1, (%rdi), %xmm0", CHECK)                                                                 \
  CASE("PEXTRB", 1, "pextrb $1, %xmm0, (%rdi)", FINE)                                                                  \
  CASE("PMOVZXBW", 4, "pmovzxbw (%rdi), %xmm0", CHECK)                                                                 \
  CASE("PCMPESTRI", 8, "pcmpestri $0, (%rdi), %xmm0", CHECK)                                                           \
  CASE("MASKMOVDQU, whatever its mask", 1, "pxor %xmm0, %xmm0; maskmovdqu %xmm0, %xmm0", CHECK)                         \
  CASE("MOVQ of MMX", 4, "movq (%rdi), %mm0; emms", CHECK)                                                             \
  CASE("PUNPCKLBW of MMX takes a dword", 4, "punpcklbw (%rdi), %mm0; emms", FINE)                                      \
  CASE("and checks that", 2, "punpcklbw (%rdi), %mm0; emms", CHECK)                                                    \
  CASE("FLD of 80 bits on a qword", 8, "fldt (%rdi); fstp %st(0)", FINE)                                               \
  CASE("FLD of 80 bits on a dword", 4, "fldt (%rdi); fstp %st(0)", CHECK)                                              \
  CASE("FSTP of 80 bits", 4, "fldz; fstpt (%rdi)", CHECK)                                                              \
  CASE("FLD of 64 bits", 4, "fldl (%rdi); fstp %st(0)", CHECK)                                                         \
  CASE("FLD of 32 bits", 2, "flds (%rdi); fstp %st(0)", CHECK)                                                         \
  CASE("FBLD", 4, "fbld (%rdi); fstp %st(0)", CHECK)                                                                   \
  CASE("FBSTP", 4, "fldz; fbstp (%rdi)", CHECK)                                                                        \
  CASE("FISTTP", 4, "fldz; fisttpll (%rdi)", CHECK)                                                                    \
  CASE("FNSTCW", 1, "fnstcw (%rdi)", CHECK)                                                                            \
  CASE("FNSTENV on a dword", 4, "fnstenv (%rdi)", FINE)                                                                \
  CASE("FNSTENV on a word", 2, "fnstenv (%rdi)", CHECK)                                                                \
  CASE("FNSAVE on a dword", 4, "fnsave (%rdi)", FINE)                                                                  \
  CASE("FNSAVE on a word", 2, "fnsave (%rdi)", CHECK)                                                                  \
  CASE("FRSTOR on a word", 2, "fnsave 254(%rdi); frstor (%rdi)", CHECK)                                                \
  CASE("FXSAVE", 16, "fxsave (%rdi)", FINE)                                                                            \
  CASE("STMXCSR", 1, "stmxcsr (%rdi)", CHECK)                                                                          \
  CASE("REP MOVSB", 1, "mov %rdi, %rsi; lea 64(%rdi), %rdi; mov $16, %ecx; rep movsb", FINE)                           \
  CASE("REP MOVSL", 1, "mov %rdi, %rsi; lea 64(%rdi), %rdi; mov $4, %ecx; rep movsl", CHECK)                           \
  CASE("REP STOSQ", 4, "mov $1, %ecx; rep stosq", CHECK)                                                               \
  CASE("PUSH", 0, "lea -4(%rsp), %rsp; push %rax", CHECK)                                                              \
  CASE("CALL", 0, "lea -4(%rsp), %rsp; call 9f; 9: pop %rax", CHECK)                                                   \
  CASE("PUSHF", 0, "lea -4(%rsp), %rsp; pushfq", CHECK)                                                                \
  CASE("ENTER", 0, "lea -4(%rsp), %rsp; enter $16, $0; leave", CHECK)                                                  \
  CASE("it comes before a page fault", 8193, "movl (%rdi), %ebx", CHECK)                                               \
  CASE("also of the second page", 8190, "movl (%rdi), %ebx", CHECK)                                                    \
  CASE("a page fault where it is aligned", 8192, "movl (%rdi), %ebx", PAGE)

/* A case in assembly: its code between begin_case and end_case, and a row {name, offset, code, outcome} of a table. */
#define ALIGNMENT_ENTRY(name, offset, instruction, outcome)                                                            \
  ".pushsection .text\n7: begin_case\n" instruction "\nend_case\n.popsection\n"                                       \
  ".pushsection .rodata\n8: .asciz \"" name "\"\n.popsection\n.quad 8b, " #offset ", 7b, " #outcome "\n"

/* Where AMD's processors and Intel's differ. */
#define ALIGNMENT_CASES_OF_AMD(CASE)                                                                                   \
  CASE("FXSAVE on a qword is #GP", 8, "fxsave (%rdi)", PROTECTION)                                                     \
  CASE("on a dword", 4, "fxsave (%rdi)", PROTECTION)                                                                   \
  CASE("on a word not", 2, "fxsave (%rdi)", CHECK)                                                                     \
  CASE("at an odd address neither", 1, "fxsave (%rdi)", CHECK)
