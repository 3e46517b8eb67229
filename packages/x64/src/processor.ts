/**
 * X64Processor: one virtual processor in software, joined with what the microkernel keeps of it.
 *
 * The core interprets; it returns when it meets something that is not its own. What belongs to the microkernel (interrupts,
 * MSRs, CPUID, hypercalls, the local APIC's page) is answered here through the {@link Vp}, and the core goes on; what
 * belongs to the machine (ports, device memory) leaves as an {@link Exit}.
 */
import { type CpuidModel, type Exit, PAGE_SIZE, type Processor, type Vp } from '@ringlet/microkernel';
import type { CoreExports } from './core-loader.ts';
import { DebuggedVp } from './debug/debugged-vp.ts';
import { type EntryRegisters, setRegisters, startupEntry } from './entry.ts';
import * as Code from './exits.ts';
import * as S from './state.ts';

/** Instructions between two looks at interrupts and time. */
const SLICE = 50_000;
/** TSC ticks that an instruction is counted for between two looks at the clock, times 256: fewer than it really takes. */
const TICKS_PER_INSTRUCTION = 2 * 256;
const INTERRUPT_FLAG = 0x200;
/** INJECT_VECTOR: an exception of the instruction at RIP; with the error code 0. */
const INVALID_OPCODE = 0x106;
const GENERAL_PROTECTION = 0x30d;
const NMI_PENDING = 1;
const R8 = S.GPR + 64;
/** Device accesses of one instruction that the state block has room for. */
const MOST_READS = 4;
const MOST_WRITES = 2;
const HYPERCALL_MSR = 0x40000001;

const HALT: Exit = { reason: 'halt' };
const SPENT: Exit = { reason: 'budget' };
const HELD: Exit = { reason: 'held' };
const TRIPLE_FAULT: Exit = { reason: 'triple-fault' };

/** What a processor is made of. */
export interface X64ProcessorOptions {
  /** The WebAssembly core, over `buffer`. */
  readonly core: CoreExports;
  /** The node, which holds the state block and all that it points to. */
  readonly buffer: SharedArrayBuffer;
  /** Address of the VP's area, prepared by `prepareVpArea`. */
  readonly area: number;
  /** The virtual processor that it executes. */
  readonly vp: Vp;
  /** What CPUID answers. */
  readonly cpuid: CpuidModel;
}

/** One virtual processor in software. */
export class X64Processor implements Processor {
  readonly #core: CoreExports;
  readonly #view: DataView;
  readonly #state: number;
  readonly #vp: Vp;
  readonly #cpuid: CpuidModel;
  readonly #leaf = new Uint32Array(4);
  readonly #port = { reason: 'io-port' as const, port: 0, width: 1 as 1 | 2 | 4, write: false, value: 0 };
  readonly #access = { reason: 'gpa' as const, gpa: 0, access: 0, width: 1, write: false, value: 0n };
  /** What the last exit left open, to be finished with its answer when run again. */
  #open: 'nothing' | 'in' | 'ins' | 'access' = 'nothing';
  readonly #debug: DebuggedVp;
  /** Of a run that a debugger interrupted in a slice: what was left of that, and of the budget. */
  #rest: number | undefined;
  #left = 0;
  /** The generation of mappings that translations and decoded code are of. The first run takes the present one. */
  #mappings: number | undefined;

  constructor({ core, buffer, area, vp, cpuid }: X64ProcessorOptions) {
    this.#core = core;
    this.#view = new DataView(buffer);
    this.#state = area;
    this.#vp = vp;
    this.#cpuid = cpuid;
    this.#debug = new DebuggedVp(buffer, area);
    this.#set(S.TSC_SCALE, TICKS_PER_INSTRUCTION);
    this.#setFeatures();
    core.resetArena(area);
  }

  /** Sets all registers, before the first instruction. */
  enter(entry: EntryRegisters): void {
    setRegisters(this.#view, this.#state, entry);
    this.#core.writeFlags(this.#state, entry.rflags);
    this.#modeChanged();
  }

  /** Guest instructions since power-up. */
  get instructions(): bigint {
    return this.#view.getBigUint64(this.#state + S.INSTRUCTIONS, true);
  }

  /**
   * @param budget - instructions, roughly
   * @returns ports and device memory: put what a read gives into `value` and run again; the object is used again too
   */
  run(budget: number): Exit {
    this.#finish();
    // What a debugger has interrupted goes on where it was, as if nothing had been.
    let rest = this.#rest;
    let left = rest === undefined ? budget : this.#left;
    this.#rest = undefined;
    while (left > 0) {
      // First of all: one that sleeps, was never started, or is held, is woken for it, too.
      const { mappings } = this.#vp;
      if (mappings !== this.#mappings) this.#mappingsChanged(mappings);
      if (this.#get(S.DEBUG_COMMAND) !== S.COMMAND_RUN && this.#debug.holds()) return this.#pause(left, rest);
      if (rest === undefined) {
        if (!this.#started()) return HALT;
        if (!this.#deliver()) return HALT;
        this.#view.setBigUint64(this.#state + S.TSC_NOW, this.#vp.tsc(), true);
        this.#view.setBigUint64(this.#state + S.TSC_BASE_INSTRUCTIONS, this.instructions, true);
        rest = Math.min(SLICE, left);
      }
      this.#set(S.EXIT_REQUEST, 0);
      const before = this.#done;
      const reason = this.#core.run(this.#state, rest);
      this.#set(S.EXIT_COUNTS + 4 * reason, this.#get(S.EXIT_COUNTS + 4 * reason) + 1);
      if (reason === Code.EXIT_DEBUG || (reason === Code.EXIT_HYPERCALL && this.#debug.stopsAtHypercall())) {
        rest -= (this.#done - before) >>> 0;
        if (this.#debug.stopped()) return this.#pause(left, rest);
        continue;
      }
      const exit = this.#answer(reason);
      if (exit) return exit;
      rest = undefined;
      left -= SLICE;
    }
    return SPENT;
  }

  /** Between two runs: whether a debugger holds the VP, which is told so. */
  standsStill(): boolean {
    if (this.#get(S.DEBUG_COMMAND) !== S.COMMAND_HOLD) return false;
    this.#finish();
    return this.#debug.holds();
  }

  /** A debugger has the VP now. */
  #pause(left: number, rest: number | undefined): Exit {
    this.#left = left;
    this.#rest = rest;
    return HELD;
  }

  /** Instructions done, modulo 2^32. */
  get #done(): number {
    return this.#get(S.INSTRUCTIONS) + this.#get(S.INSTRUCTIONS_OWED);
  }

  /** Pages were unmapped: others will own them as soon as this is acknowledged. Code is known by system page, too. */
  #mappingsChanged(mappings: number): void {
    this.#core.flushTlb(this.#state);
    this.#core.resetArena(this.#state);
    this.#mappings = mappings;
    this.#vp.acknowledgeMappings(mappings);
  }

  /** Gives its answer to what the last exit left open, as the next run would: all of the VP is in its area then. */
  settle(): void {
    this.#finish();
    // What a processor made anew in its place does, this one does too.
    this.#mappings = undefined;
  }

  /** Takes INIT and start-up commands. @returns whether the VP may run. */
  #started(): boolean {
    const { startup } = this.#vp;
    for (;;) {
      switch (startup.state) {
        case 'running':
          return true;
        case 'wait-for-sipi':
          return false;
        case 'init':
          startup.acceptInit();
          break;
        case 'sipi': {
          const page = startup.acceptSipi();
          if (page >= 0) this.enter(startupEntry(page));
          break;
        }
      }
    }
  }

  /** Hands over an interrupt, or asks to be told when one can be. @returns whether there is something to run. */
  #deliver(): boolean {
    const vp = this.#vp;
    vp.settle();
    if (vp.nmiPending) {
      vp.acknowledgeNmi();
      this.#set(S.NMI_STATE, this.#get(S.NMI_STATE) | NMI_PENDING);
    }
    if (this.#get(S.INJECT_VECTOR) !== -1) return true;
    // A debugger's step takes no interrupt, unless the processor waits for one.
    if ((this.#get(S.SINGLE) & (S.SINGLE_STEP | S.SINGLE_WAKE)) === S.SINGLE_STEP) return true;
    const vector = vp.highestInterrupt();
    if (vector >= 0) {
      if ((this.#get(S.FLAG_SYSTEM) & INTERRUPT_FLAG) !== 0 && this.#get(S.SHADOW) === 0) {
        vp.acknowledge(vector);
        this.#set(S.INJECT_VECTOR, vector);
        this.#set(S.HALTED, 0);
        // Another may wait behind it.
        this.#set(S.WANT_WINDOW, vp.highestInterrupt() >= 0 ? 1 : 0);
        return true;
      }
      this.#set(S.WANT_WINDOW, 1);
    }
    return this.#get(S.HALTED) === 0 || (this.#get(S.NMI_STATE) & NMI_PENDING) !== 0;
  }

  /** Deals with why the core returned. @returns an exit that is the caller's, else undefined. */
  #answer(reason: number): Exit | undefined {
    switch (reason) {
      case Code.EXIT_BUDGET:
      case Code.EXIT_REQUESTED:
      case Code.EXIT_INTERRUPT_WINDOW:
      case Code.EXIT_PAUSE:
      case Code.EXIT_HALT:
        return undefined;
      case Code.EXIT_CR8:
        this.#vp.taskPriority = this.#get(S.CR8) << 4;
        return undefined;
      case Code.EXIT_IO:
      case Code.EXIT_IO_STRING:
        return this.#portAccess(reason);
      case Code.EXIT_GPA_ACCESS:
        return this.#memoryAccess();
      case Code.EXIT_RDMSR:
        this.#readMsr();
        return undefined;
      case Code.EXIT_WRMSR:
        this.#writeMsr();
        return undefined;
      case Code.EXIT_CPUID:
        this.#answerCpuid();
        return undefined;
      case Code.EXIT_HYPERCALL:
        this.#hypercall();
        return undefined;
      case Code.EXIT_TRIPLE_FAULT:
        return TRIPLE_FAULT;
      default:
        return {
          reason: 'crash',
          message: `the processor's core stopped with ${reason} at ${this.#get(S.EXIT_INDEX)}`,
        };
    }
  }

  #portAccess(reason: number): Exit {
    const port = this.#port;
    port.port = this.#get(S.EXIT_PORT);
    port.width = this.#get(S.EXIT_SIZE) as 1 | 2 | 4;
    port.write = this.#get(S.EXIT_WRITE) !== 0;
    port.value = this.#get(S.EXIT_VALUE) >>> 0;
    if (!port.write) this.#open = reason === Code.EXIT_IO ? 'in' : 'ins';
    return port;
  }

  #memoryAccess(): Exit | undefined {
    const access = this.#access;
    access.gpa = Number(this.#view.getBigUint64(this.#state + S.EXIT_GPA, true));
    access.width = this.#get(S.EXIT_SIZE);
    access.write = this.#get(S.EXIT_WRITE) !== 0;
    access.access = access.write ? 2 : 1;
    access.value = this.#view.getBigUint64(this.#state + S.EXIT_VALUE, true);
    this.#open = 'access';
    if (Math.floor(access.gpa / PAGE_SIZE) !== this.#vp.apicPage) return access;
    const offset = access.gpa % PAGE_SIZE;
    if (access.write) this.#vp.apicWrite(offset, Number(access.value & 0xffffffffn));
    else access.value = BigInt(this.#vp.apicRead(offset) >>> 0);
    this.#set(S.CR8, this.#vp.taskPriority >>> 4);
    this.#finish();
    return undefined;
  }

  /** Gives the answer to what the last exit left open. */
  #finish(): void {
    const open = this.#open;
    this.#open = 'nothing';
    switch (open) {
      case 'nothing':
        return;
      case 'in': {
        const { width, value } = this.#port;
        if (width === 4) this.#view.setBigUint64(this.#state + S.RAX, BigInt(value >>> 0), true);
        else if (width === 2) this.#view.setUint16(this.#state + S.RAX, value, true);
        else this.#view.setUint8(this.#state + S.RAX, value);
        return;
      }
      case 'ins':
        return this.#record(S.MMIO_READS, S.MMIO_READ_COUNT, 0n, BigInt(this.#port.value >>> 0));
      case 'access': {
        const { write, gpa, value } = this.#access;
        if (write) this.#record(S.MMIO_WRITES, S.MMIO_WRITE_COUNT, BigInt(gpa), value);
        else this.#record(S.MMIO_READS, S.MMIO_READ_COUNT, BigInt(gpa), value);
      }
    }
  }

  #record(records: number, counter: number, gpa: bigint, value: bigint): void {
    const count = this.#get(counter);
    // The core never asks for more than fit; what lies behind them are its pointers.
    if (count < 0 || count >= (records === S.MMIO_READS ? MOST_READS : MOST_WRITES)) return;
    this.#view.setBigUint64(this.#state + records + 16 * count, gpa, true);
    this.#view.setBigUint64(this.#state + records + 16 * count + 8, value, true);
    this.#set(counter, count + 1);
  }

  #readMsr(): void {
    const value = this.#vp.readMsr(this.#get(S.EXIT_INDEX) >>> 0);
    if (typeof value !== 'bigint') return this.#set(S.INJECT_VECTOR, GENERAL_PROTECTION);
    this.#view.setBigUint64(this.#state + S.RAX, value & 0xffffffffn, true);
    this.#view.setBigUint64(this.#state + S.RDX, value >> 32n, true);
    this.#advance();
  }

  #writeMsr(): void {
    const index = this.#get(S.EXIT_INDEX) >>> 0;
    const value = this.#view.getBigUint64(this.#state + S.EXIT_VALUE, true);
    if (this.#vp.writeMsr(index, value) !== undefined) return this.#set(S.INJECT_VECTOR, GENERAL_PROTECTION);
    this.#advance();
    if (index === HYPERCALL_MSR) this.#hypercallPageChanged(value);
  }

  /**
   * Memory changed behind the core's back. Overlays change places with what they lie over, so translations stay right; of
   * all of them only the hypercall page is ever run, so only its code can be out of date.
   */
  #hypercallPageChanged(value: bigint): void {
    const page = this.#vp.memory.find(Number(value >> 12n) * PAGE_SIZE, 1, 1);
    if (page >= 0) this.#core.dropPage(this.#state, page);
    this.#core.flushJumpCache(this.#state);
  }

  #answerCpuid(): void {
    const leaf = this.#leaf;
    this.#cpuid.fill(this.#vp, this.#get(S.EXIT_INDEX) >>> 0, this.#get(S.EXIT_VALUE) >>> 0, leaf);
    for (const [i, register] of [S.RAX, S.RBX, S.RCX, S.RDX].entries()) {
      this.#view.setBigUint64(this.#state + register, BigInt(leaf[i]!), true);
    }
    this.#advance();
  }

  #hypercall(): void {
    const { registers } = this.#vp;
    if (!this.#vp.hypercallPageEnabled) return this.#set(S.INJECT_VECTOR, INVALID_OPCODE);
    for (const [i, register] of [S.RCX, S.RDX, R8].entries()) {
      registers[2 * i] = this.#get(register);
      registers[2 * i + 1] = this.#get(register + 4);
    }
    this.#vp.hypercall();
    this.#set(S.RAX, registers[6]!);
    this.#set(S.RAX + 4, registers[7]!);
    this.#advance();
  }

  #advance(): void {
    const rip = this.#view.getBigUint64(this.#state + S.RIP, true);
    this.#view.setBigUint64(this.#state + S.RIP, BigInt.asUintN(64, rip + BigInt(this.#get(S.EXIT_LENGTH))), true);
  }

  /** What control registers accept is what CPUID shows. */
  #setFeatures(): void {
    const leaf = this.#leaf;
    this.#cpuid.fill(this.#vp, 7, 0, leaf);
    this.#set(S.FEATURES_7B, leaf[1]!);
    this.#set(S.FEATURES_7C, leaf[2]!);
    this.#cpuid.fill(this.#vp, 1, 0, leaf);
    this.#set(S.FEATURES_1C, leaf[2]!);
  }

  #modeChanged(): void {
    this.#core.updateMode(this.#state);
    this.#core.flushTlb(this.#state);
  }

  #get(offset: number): number {
    return this.#view.getInt32(this.#state + offset, true);
  }

  #set(offset: number, value: number): void {
    this.#view.setInt32(this.#state + offset, value, true);
  }
}
