/**
 * State block of a virtual processor: byte offsets of everything the core keeps about it. 4 KiB in system pages that no
 * partition maps. `s` in the core is the block's address in the node; `load<u64>(s, RIP)` reads a field.
 *
 * No types stand here on purpose: the file is both TypeScript and, imported by the core's sources, AssemblyScript.
 *
 *     0x000  general registers RAX … R15 (8 bytes each), zero slot
 *     0x088  RIP, base of the code page, scratch, lazy flags
 *     0x0b0  hot words: current TLB, mode, exit request, interrupt state, counters
 *     0x140  segments ES CS SS DS FS GS LDTR TR: 32 bytes each
 *     0x240  GDTR, IDTR, CR0 CR2 CR3 CR4 CR8 EFER, DR0-7, MSRs
 *     0x380  fault scratch, exit area, MMIO record, pointers to tables
 *     0x500  x87: control words and eight 16-byte slots
 *     0x600  bounce buffer of accesses that cross a page
 *     0x680  counters of events, open pages, counts of exits and of exceptions
 *     0x800  vector registers: 16 slots of 64 bytes (XMM in the low 16)
 *     0xc00  MXCSR and scratch of the vector unit
 *     0xd00  contexts of CR4.PCIDE
 */

/** Bytes of the block. */
export const STATE_SIZE = 0x1000;

// ---- registers -------------------------------------------------------------------------------------------------------
/** RAX RCX RDX RBX RSP RBP RSI RDI R8 … R15, the order of their encoding. */
export const GPR = 0x000;
export const RAX = 0x000;
export const RCX = 0x008;
export const RDX = 0x010;
export const RBX = 0x018;
export const RSP = 0x020;
export const RBP = 0x028;
export const RSI = 0x030;
export const RDI = 0x038;
/** Always 0: base, index or segment base of an address that has none. */
export const ZERO = 0x080;
/** Address of the next instruction, exact only between blocks; inside one see `ripOf` in `op.ts`. */
export const RIP = 0x088;
/** RIP of byte 0 of the page that the running block lies in; the ops hold offsets from it. */
export const CODE_BASE = 0x090;
/** Effective address made by the op before: 16- and 32-bit addressing and segments that are not flat. */
export const ADDRESS = 0x098;
/**
 * Status flags, lazy: RFLAGS.{CF,PF,AF,ZF,SF,OF} = AUX xor (PF, ZF, SF of RESULT), AUX in RFLAGS bit positions.
 * RESULT is the last result sign-extended to 64 bits. RESULT = 1 contributes nothing, so (1, flags) is any set of flags.
 * AUX with bit 31 set: CF, AF and OF are those of FIRST + x = RESULT, or with bit 30 of FIRST - x = RESULT, at the operand
 * size whose log2 is in bits 16-17; nobody has asked for them yet.
 */
export const FLAG_RESULT = 0x0a0;
export const FLAG_AUX = 0x0a8;
/** RFLAGS without the six status flags; bit 1 is always set. */
export const FLAG_SYSTEM = 0x0ac;

// ---- hot words -------------------------------------------------------------------------------------------------------
/** Address of the TLB of the current privilege (user or supervisor). */
export const TLB_CURRENT = 0x0b0;
/** What decoding depends on, see `mode.ts`: bits 0-1 code size (0 16-bit, 1 32-bit, 2 64-bit), 2 CPL is 3, 3 32-bit stack. */
export const MODE = 0x0b4;
/** Set (atomically) by any thread that wants this VP to leave its block; 0 = nothing wanted. */
export const EXIT_REQUEST = 0x0b8;
/** Interrupt shadow: 0 none, 1 after STI, 2 after MOV SS / POP SS: no interrupt before the next instruction is done. */
export const SHADOW = 0x0bc;
/** Instructions retired (u64); each iteration of a REP counts as one. */
export const INSTRUCTIONS = 0x0c0;
/** Blocks entered through a lookup, not a link (u64). */
export const LOOKUPS = 0x0c8;
/** 1 while the VP waits in HLT. */
export const HALTED = 0x0d0;
/** Current privilege level. */
export const CPL = 0x0d4;
/**
 * Vector that the caller of run() wants delivered, -1 for none. Bit 8: an exception of the instruction at RIP; bit 9: it has
 * the error code in bits 16-31. See `system/exceptions.ts`.
 */
export const INJECT_VECTOR = 0x0d8;
/** 1: the caller wants the exit `interrupt-window` as soon as an interrupt can be delivered. */
export const WANT_WINDOW = 0x0dc;
/** 1: exceptions leave run() instead of going through the IDT (tests, debuggers). */
export const EXCEPTION_EXITS = 0x0e0;
/** Bit 0 NMI pending, bit 1 NMI blocked until IRET. */
export const NMI_STATE = 0x0e4;
/** Pending debug exception causes, in DR6 bit positions (single-step, breakpoints). */
export const DEBUG_PENDING = 0x0e8;
/**
 * Not 0: the next run() executes one instruction. Bit 0: to finish one that made an MMIO exit, see MMIO_*. The others are
 * a debugger's step, SINGLE_*.
 */
export const SINGLE = 0x0ec;
/** One instruction, without interrupts, then EXIT_DEBUG. */
export const SINGLE_STEP = 2;
/** With it: the instruction is done, but for an exception that the caller of run() injected. */
export const SINGLE_DONE = 4;
/** With it: interrupts first, and if one is delivered that is the step. */
export const SINGLE_WAKE = 8;
/** One instruction whose access is watched, in an exact run: see DEBUG_EXACT. */
export const SINGLE_WATCHED = 16;
/** The budget that was left when the running block was looked up. */
export const BUDGET = 0x0f0;
/** Number of the VP in its partition. */
export const VP_INDEX = 0x0f4;
/** System page (host address) of the running block, 0 when that block is not kept. */
export const CODE_PAGE = 0x0f8;
/** Changes whenever the jump cache is emptied, see `blocks/pages.ts`. */
export const CODE_EPOCH = 0x0fc;

/** Iterations that a string instruction did and run() has not taken from its budget yet. */
export const CHARGE = 0x100;
/** First operand of the last addition or subtraction, sign-extended to 64 bits: see FLAG_AUX. */
export const FLAG_FIRST = 0x108;
/** 1 while misaligned accesses of user mode fault: CPL 3, RFLAGS.AC and CR0.AM. See `system/access-flag.ts`. */
export const ALIGNMENT_CHECK = 0x110;
/** 1: the user TLB may hold pages whose accesses nobody looks at. */
export const USER_UNCHECKED = 0x114;
/** User pages that RFLAGS.AC has opened to a kernel with SMAP: how many, and the addresses of their TLB entries. */
export const OPEN_PAGES_COUNT = 0x118;
/** 1 while the VP is inside a locked access of one atomic step, see `bus.ts`. */
export const LOCKED = 0x11c;
/** Of a debugger: address of the partition's DEBUG_TABLE_*, 0 while nobody debugs. See `assembly/debugger.ts`. */
export const DEBUG_TABLE = 0x120;
/** What EXIT_DEBUG is for, CAUSE_*; 0 none. */
export const DEBUG_CAUSE = 0x124;
/** Linear address of the breakpoint or of the watchpoint, number of the MSR (u64). */
export const DEBUG_ADDRESS = 0x128;
/** What the debugger wants of the VP, COMMAND_*; whoever runs the VP looks before each slice. */
export const DEBUG_COMMAND = 0x130;
/** 1: the VP stands still, its state is the debugger's. */
export const DEBUG_HELD = 0x134;
/** 1: the run has to come out as if there were no debugger. A step takes interrupts, and a repeated string is not cut up. */
export const DEBUG_EXACT = 0x138;
/**
 * Ops that are left of a block in which a debugger made the VP stop: they are done one instruction at a time, and what
 * happens between two blocks waits for the last of them.
 */
export const BLOCK_REST = 0x13c;

// ---- segments --------------------------------------------------------------------------------------------------------
/** ES CS SS DS FS GS LDTR TR: records of SEGMENT_SIZE bytes. */
export const SEGMENTS = 0x140;
export const SEGMENT_SIZE = 0x20;
export const ES = 0x140;
export const CS = 0x160;
export const SS = 0x180;
export const DS = 0x1a0;
export const FS = 0x1c0;
export const GS = 0x1e0;
export const LDTR = 0x200;
export const TR = 0x220;
/** Base (u64), within a record. */
export const SEG_BASE = 0x00;
/** Limit in bytes, expanded by granularity (u32). */
export const SEG_LIMIT = 0x08;
/** Selector (u16). */
export const SEG_SELECTOR = 0x0c;
/**
 * Attributes (u32), as in a descriptor's second dword shifted right by 8: bits 0-3 type, 4 S, 5-6 DPL, 7 P, 12 AVL, 13 L,
 * 14 D/B, 15 G; bit 16 set = null selector, not usable.
 */
export const SEG_ATTRIBUTES = 0x10;
export const FS_BASE = 0x1c0;
export const GS_BASE = 0x1e0;

// ---- control registers and MSRs --------------------------------------------------------------------------------------
export const GDTR_BASE = 0x240;
export const GDTR_LIMIT = 0x248;
export const IDTR_BASE = 0x250;
export const IDTR_LIMIT = 0x258;
export const CR0 = 0x260;
export const CR2 = 0x268;
export const CR3 = 0x270;
export const CR4 = 0x278;
/** Task priority, bits 0-3. The APIC's TPR is this value; the caller keeps both the same. */
export const CR8 = 0x280;
export const EFER = 0x288;
/** DR0 … DR7, 8 bytes each (4 and 5 unused). */
export const DR = 0x290;
export const MSR_STAR = 0x2d0;
export const MSR_LSTAR = 0x2d8;
export const MSR_CSTAR = 0x2e0;
export const MSR_SFMASK = 0x2e8;
export const MSR_KERNEL_GS_BASE = 0x2f0;
export const MSR_TSC_AUX = 0x2f8;
export const MSR_PAT = 0x300;
export const MSR_SYSENTER_CS = 0x308;
export const MSR_SYSENTER_ESP = 0x310;
export const MSR_SYSENTER_EIP = 0x318;
export const MSR_APIC_BASE = 0x320;
/** The guest's TSC = (host ticks that the caller stores in TSC_NOW) + TSC_OFFSET. */
export const TSC_OFFSET = 0x328;
export const TSC_NOW = 0x330;
/** Guest instructions × TSC_SCALE are added to TSC_NOW between two stores of the caller (u32, ticks × 256). */
export const TSC_SCALE = 0x338;
/** INSTRUCTIONS when TSC_NOW was stored. */
export const TSC_BASE_INSTRUCTIONS = 0x340;
export const MSR_MTRR_DEF_TYPE = 0x348;
export const MSR_MISC_ENABLE = 0x350;
export const MSR_TSC_DEADLINE = 0x358;
/** What CPUID shows, as the caller decides: leaf 7 EBX and ECX, leaf 1 ECX. Control registers accept what is there. */
export const FEATURES_7B = 0x360;
export const FEATURES_7C = 0x364;
export const FEATURES_1C = 0x368;
/** Width of physical addresses (u32), as CPUID 8000_0008h reports it. */
export const PHYSICAL_WIDTH = 0x36c;

// ---- faults and exits ------------------------------------------------------------------------------------------------
/** Vector of the fault that an op or a memory access met; NO_FAULT (-1) when there is none; EXIT_FAULT (256): an exit. */
export const FAULT_VECTOR = 0x380;
/** Its error code; FAULT_HAS_CODE tells whether one is pushed. */
export const FAULT_CODE = 0x384;
export const FAULT_HAS_CODE = 0x388;
/** 1 when a #GP comes from a non-canonical address: it is #SS when the access was to the stack. */
export const FAULT_CANONICAL = 0x38c;
/** Faulting linear address of a page fault; becomes CR2 when delivered. */
export const FAULT_ADDRESS = 0x390;
/** Vector, error code (and RIP) being delivered, for nesting: -1 none. */
export const DELIVERING = 0x398;
/** Why run() returned, see `exits.ts`, and its operands. */
export const EXIT_REASON = 0x3a0;
/** Bytes of the access, port number, MSR index, vector … by reason. */
export const EXIT_SIZE = 0x3a4;
export const EXIT_WRITE = 0x3a8;
export const EXIT_PORT = 0x3ac;
export const EXIT_VALUE = 0x3b0;
export const EXIT_GPA = 0x3b8;
export const EXIT_LENGTH = 0x3c0;
export const EXIT_INDEX = 0x3c4;
/** Repetitions left of INS/OUTS (u64), and linear address of their next element. */
export const EXIT_COUNT = 0x3c8;
export const EXIT_LINEAR = 0x3d0;

// MMIO: an access to a GPA that is not RAM exits; the caller does it, fills the record and runs again; the instruction
// starts over and finds its access answered. Reads: 4 records of {gpa u64, value u64}; one record of a write done.
export const MMIO_READS = 0x3e0;
export const MMIO_READ_COUNT = 0x3d8;
export const MMIO_WRITES = 0x420;
export const MMIO_WRITE_COUNT = 0x3dc;

// ---- tables ----------------------------------------------------------------------------------------------------------
export const TLB_USER = 0x440;
export const TLB_SUPERVISOR = 0x444;
/** Entries of each TLB: a power of two, see `memory.ts`. */
export const TLB_ENTRIES = 0x448;
export const JUMP_CACHE = 0x44c;
export const ARENA = 0x450;
export const ARENA_END = 0x454;
/** First free byte of the arena. */
export const ARENA_NEXT = 0x458;
/** Hash of blocks by (guest-physical address, mode): address, and entries - 1. */
export const BLOCK_HASH = 0x45c;
export const BLOCK_HASH_MASK = 0x460;
/** The partition's second-level table (u32 per guest page, see microkernel's `slat.ts`) and its number of entries. */
export const SLAT_TABLE = 0x464;
export const SLAT_PAGES = 0x468;
/** Of the node: one u64 per system page, bit n = chunk n of 64 bytes holds decoded code. 0 = no such table. */
export const CODE_MASKS = 0x46c;
/** Lists of filled TLB slots (u32 addresses of entries), for flushing: address, capacity, count; user then supervisor. */
export const TLB_FILLED_USER = 0x470;
export const TLB_FILLED_USER_COUNT = 0x474;
export const TLB_FILLED_SUPERVISOR = 0x478;
export const TLB_FILLED_SUPERVISOR_COUNT = 0x47c;
/** Table of u32 addresses of all state blocks of the partition, and how many: for code changes seen by every VP. */
export const VP_TABLE = 0x480;
export const VP_COUNT = 0x484;
/** Ring of guest pages whose code other VPs changed: 64 u32 in the page after the state block; producer and consumer. */
export const CODE_DROPS = 0x488;
export const CODE_DROPS_HEAD = 0x48c;
export const CODE_DROPS_TAIL = 0x490;
/** Of the partition: a word that a VP takes while it does a locked access that is not one atomic step, see `bus.ts`. */
export const BUS_LOCK = 0x494;
/** Address of OPCODE_COUNT u32: how often an opcode that there is not raised #UD, by map × 256 + byte. */
export const UNIMPLEMENTED = 0x498;
/** Maps (one byte, 0F, 0F 38, 0F 3A) times bytes. */
export const OPCODE_COUNT = 1024;
/** Free for the system part, 64 bytes. */
export const SYSTEM_SCRATCH = 0x4c0;

// ---- x87 -------------------------------------------------------------------------------------------------------------
export const FPU_CONTROL = 0x500;
/** Status word without TOP. */
export const FPU_STATUS = 0x502;
/** Two bits per physical register: 3 when empty, else 0. Kinds are told apart only when it is stored. */
export const FPU_TAG = 0x504;
export const FPU_TOP = 0x506;
export const FPU_OPCODE = 0x508;
export const FPU_LAST_IP = 0x510;
export const FPU_LAST_DP = 0x518;
export const FPU_LAST_CS = 0x520;
export const FPU_LAST_DS = 0x522;
/** Physical registers R0 … R7: mantissa (u64), sign and exponent (u16). MMX registers are the mantissas. */
export const FPU_REGISTERS = 0x540;
/** Free for the x87 part, 64 bytes. */
export const FPU_SCRATCH = 0x5c0;

// ---- bounce ----------------------------------------------------------------------------------------------------------
/** Data of an access that crosses a page, up to 64 bytes, and where it goes: host addresses and length of the first part. */
export const BOUNCE = 0x600;
export const BOUNCE_FIRST = 0x640;
export const BOUNCE_SECOND = 0x644;
export const BOUNCE_SPLIT = 0x648;
export const BOUNCE_SIZE = 0x64c;
/** Linear address of the access, for MMIO. */
export const BOUNCE_LINEAR = 0x650;

// ---- counters (u64) --------------------------------------------------------------------------------------------------
export const COUNT_TLB_MISSES = 0x680;
export const COUNT_TLB_FLUSHES = 0x688;
export const COUNT_BLOCKS_DECODED = 0x690;
export const COUNT_OPS_DECODED = 0x698;
export const COUNT_CODE_DROPS = 0x6a0;
export const COUNT_ARENA_RESETS = 0x6a8;
export const COUNT_FAULTS = 0x6b0;
export const COUNT_INTERRUPTS = 0x6b8;

/** Of OPEN_PAGES_COUNT: OPEN_PAGES_LIMIT u32. */
export const OPEN_PAGES = 0x700;
export const OPEN_PAGES_LIMIT = 16;
/** How often run() returned, by exit code: 16 × u32, counted by the caller. */
export const EXIT_COUNTS = 0x740;
/** Exceptions by vector, 32 × u32: raised by instructions, whether or not their delivery met another. */
export const EXCEPTION_COUNTS = 0x780;

// ---- vectors ---------------------------------------------------------------------------------------------------------
export const XMM = 0x800;
export const XMM_STRIDE = 0x40;
export const MXCSR = 0xc00;
/** Free for the vector part, 192 bytes, 16-byte aligned. */
export const VECTOR_SCRATCH = 0xc10;

// ---- contexts --------------------------------------------------------------------------------------------------------
/**
 * Address spaces whose user TLBs are kept apart: CONTEXT_COUNT records of {u32 TLB, u32 list of filled entries, u32 their
 * count while the context is not current, u32 epoch of its code, u32 PCID or CONTEXT_UNUSED, u32 time of its last use}.
 * See `system/contexts.ts`.
 */
export const CONTEXTS = 0xd00;
export const CONTEXT_SIZE = 0x20;
export const CONTEXT_COUNT = 4;
export const CONTEXT_TLB = 0x00;
export const CONTEXT_LIST = 0x04;
export const CONTEXT_FILLED = 0x08;
export const CONTEXT_EPOCH = 0x0c;
export const CONTEXT_PCID = 0x10;
export const CONTEXT_USED = 0x14;
export const CONTEXT_UNUSED = 0xffffffff;
/** Offset of the current context's record, and the clock of CONTEXT_USED. */
export const CONTEXT_CURRENT = 0xd80;
export const CONTEXT_CLOCK = 0xd84;
/** The last epoch given out, and those of user mode's code (of the current context) and of the kernel's. */
export const EPOCH_LAST = 0xd88;
export const EPOCH_USER = 0xd8c;
export const EPOCH_KERNEL = 0xd90;
/** 1: the kernel ran code of a page that is not global, or in the lower half, since EPOCH_KERNEL was given out. */
export const KERNEL_CODE_LOCAL = 0xd94;
/** Halves of the address space (bit 0 the lower one) in which pieces of large pages were entered in a TLB. */
export const LARGE_SEEN = 0xd98;
/** 1: user mode ran code of a global page. */
export const USER_CODE_GLOBAL = 0xd9c;
/** Instructions done that INSTRUCTIONS does not have yet, as it would not without a debugger: the TSC goes by it. */
export const INSTRUCTIONS_OWED = 0xda0;
/** Iterations of a string instruction that starts over for the sake of a watched access, in an exact run. */
export const STRING_DONE = 0xda4;

// ---- debugger --------------------------------------------------------------------------------------------------------
/** COMMAND_*: run on, stand still at the next instruction boundary, do one instruction and stand still. */
export const COMMAND_RUN = 0;
export const COMMAND_HOLD = 1;
export const COMMAND_STEP = 2;
/** CAUSE_*: a breakpoint is next, a watched access was made, a step is done, a watched MSR is next. */
export const CAUSE_BREAKPOINT = 1;
export const CAUSE_WATCHPOINT = 2;
export const CAUSE_STEP = 3;
export const CAUSE_READ_MSR = 4;
export const CAUSE_WRITE_MSR = 5;
/** An access that is watched is next: its instruction is run alone. Never leaves run(). */
export const CAUSE_WATCHPOINT_AHEAD = 6;
/** CAUSE_* that the caller of run() notes: a hypercall that a debugger asked for is next; the VP was told to hold. */
export const CAUSE_HYPERCALL = 7;
export const CAUSE_HELD = 8;
/**
 * The partition's table of what its debugger waits for, in a page that no partition maps:
 *
 *     0x000  u32 breakpoints, watchpoints, MSRs, hypercalls; u32 how often a VP came to a stop
 *     0x040  a bit for each offset in a page at which there is a breakpoint
 *     0x240  breakpoints: u64 linear address
 *     0xa40  watchpoints: u64 linear address, u32 bytes, u32 WATCH_*
 *     0xd40  MSRs: u32 number, u32 WATCH_*
 *     0xf40  hypercalls: u32 call code
 */
export const DEBUG_TABLE_BYTES = 0x1000;
export const DEBUG_BREAKPOINT_COUNT = 0x000;
export const DEBUG_WATCHPOINT_COUNT = 0x004;
export const DEBUG_MSR_COUNT = 0x008;
export const DEBUG_HYPERCALL_COUNT = 0x00c;
export const DEBUG_STOPS = 0x010;
export const DEBUG_OFFSETS = 0x040;
export const DEBUG_BREAKPOINTS = 0x240;
export const DEBUG_BREAKPOINT_LIMIT = 256;
export const DEBUG_WATCHPOINTS = 0xa40;
export const DEBUG_WATCHPOINT_LIMIT = 48;
export const DEBUG_MSRS = 0xd40;
export const DEBUG_MSR_LIMIT = 64;
export const DEBUG_HYPERCALLS = 0xf40;
export const DEBUG_HYPERCALL_LIMIT = 48;
/** WATCH_*, to be or-ed. */
export const WATCH_WRITE = 1;
export const WATCH_READ = 2;
