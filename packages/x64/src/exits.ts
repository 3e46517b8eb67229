/**
 * Exit codes: why `run` returned. Their operands are words of the state block (EXIT_*). RIP is the next instruction
 * for exits of finished instructions, and the instruction itself where it says "starts over".
 */

/** The budget is spent. */
export const EXIT_BUDGET = 0;
/** HLT; HALTED is set. */
export const EXIT_HALT = 1;
/** IN or OUT: EXIT_PORT, EXIT_SIZE, EXIT_WRITE, EXIT_VALUE. The caller puts what IN read into RAX with its width. */
export const EXIT_IO = 2;
/** INS or OUTS: one element. OUTS: EXIT_VALUE read. INS starts over with MMIO_READ_COUNT's first record as its value. */
export const EXIT_IO_STRING = 3;
/** Access to a GPA that the second-level table does not allow: EXIT_GPA, EXIT_SIZE, EXIT_WRITE, EXIT_VALUE. Starts over. */
export const EXIT_GPA_ACCESS = 4;
/** RDMSR: EXIT_INDEX. The caller fills RAX and RDX and moves RIP by EXIT_LENGTH, or injects #GP. Starts over. */
export const EXIT_RDMSR = 5;
/** WRMSR: EXIT_INDEX, EXIT_VALUE. As RDMSR. */
export const EXIT_WRMSR = 6;
/** CPUID: EXIT_INDEX leaf, EXIT_VALUE subleaf. As RDMSR. */
export const EXIT_CPUID = 7;
/** VMCALL or VMMCALL. The caller moves RIP by EXIT_LENGTH, or injects #UD. Starts over. */
export const EXIT_HYPERCALL = 8;
/** An interrupt can be delivered now (WANT_WINDOW). */
export const EXIT_INTERRUPT_WINDOW = 9;
/** A fault while delivering a double fault. */
export const EXIT_TRIPLE_FAULT = 10;
/** EXCEPTION_EXITS is set and an exception came: EXIT_INDEX vector, EXIT_VALUE error code, FAULT_ADDRESS. */
export const EXIT_EXCEPTION = 11;
/** EXIT_REQUEST was set: look for interrupts and other work. */
export const EXIT_REQUESTED = 12;
/** PAUSE in a loop: another VP may have the host processor. */
export const EXIT_PAUSE = 13;
/** CR8 was written: EXIT_VALUE. The instruction is finished. */
export const EXIT_CR8 = 14;
/** Something that a debugger waits for: DEBUG_CAUSE and DEBUG_ADDRESS. RIP is the instruction to run next. */
export const EXIT_DEBUG = 15;
