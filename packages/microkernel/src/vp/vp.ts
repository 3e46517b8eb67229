/**
 * Vp: a virtual processor as whoever runs it sees it: registers to make hypercalls with, MSRs, CPUID, interrupts, and a
 * doorbell to sleep on.
 *
 * Everything but {@link Vp.interruptPending} and the doorbell belongs to the one thread that runs the VP.
 */
import type { Startup } from '../apic/startup.ts';
import { cpuid } from '../cpuid/leaves.ts';
import { FAST, Register } from '../hypercall/control.ts';
import { SIGNAL_EVENT } from '../hypercall/calls/ports.ts';
import { count, countCall, dispatch } from '../hypercall/dispatch.ts';
import { hypercalls } from '../hypercall/table.ts';
import type { GuestMemory } from '../memory/guest-memory.ts';
import { TSC_FREQUENCY } from '../msr/frequencies.ts';
import { registers } from '../msr/registers.ts';
import { GP, readRegister, writeRegister } from '../msr/table.ts';
import { traceHypercall, traceMsr } from '../trace/trace-records.ts';
import { account, allowance } from '../scheduler/run-time.ts';
import { PartitionWord, VpWord } from '../state/layout.ts';
import { HvStatus } from '../status.ts';
import type { VpContext } from './context.ts';
import { highest, remove } from './interrupts.ts';

/** Where calls of SIGNAL_EVENT are counted. */
const SIGNAL_COUNTER = hypercalls.get(SIGNAL_EVENT)!.counter;
/** Of the reference time: units of 100 ns. */
const REFERENCE_FREQUENCY = 10_000_000n;

/** Where a VP's thread sleeps and is woken. Indices into `words`, for `Atomics`. */
export interface Doorbell {
  /** Shared words that the two others are indices of. */
  readonly words: Int32Array;
  /** Whoever makes work for the VP adds 1 here … */
  readonly counter: number;
  /** … and notifies when this is not 0. The VP's thread sets it before it waits on the counter. */
  readonly sleeping: number;
}

/** One thread's handle on a virtual processor. */
export class Vp {
  /** Number of its partition. */
  readonly partition: number;
  /** Number of the VP in its partition, from 0. */
  readonly index: number;
  /** Memory of its partition, by guest-physical address. */
  readonly memory: GuestMemory;
  /** RCX, RDX, R8, RAX, each low half first: parameters and result of {@link Vp.hypercall}. */
  readonly registers: Uint32Array;
  /** Where its thread sleeps. */
  readonly doorbell: Doorbell;
  readonly #context: VpContext;

  /** @internal Use {@link Microkernel.vp}. */
  constructor(context: VpContext) {
    this.#context = context;
    this.partition = context.partition;
    this.index = context.index;
    this.memory = context.memory;
    this.registers = context.registers;
    this.doorbell = {
      words: context.core.words,
      counter: context.vpRecord + VpWord.Doorbell,
      sleeping: context.vpRecord + VpWord.Sleeping,
    };
  }

  /** `false` once the VP was deleted: its thread should end. Every call on it does nothing then, or fails. */
  get alive(): boolean {
    return this.#context.alive;
  }

  /** Whether the VP may run: VP 0 from the start, the others after HvCallStartVirtualProcessor. */
  get started(): boolean {
    return Atomics.load(this.#context.core.words, this.#context.vpRecord + VpWord.Started) !== 0;
  }

  /** What the VP was started at: RIP of its initial context; 0 for VP 0. */
  get entry(): bigint {
    return this.#context.core.state.quad(this.#context.vpRecord + VpWord.Entry);
  }

  /**
   * Generation of the partition's mappings. When it is another than before, pages were unmapped: whoever runs the VP
   * forgets every translation and all code that it knows, and then calls {@link Vp.acknowledgeMappings} with it. To be
   * asked between instructions, before the VP runs on. Cheap.
   */
  get mappings(): number {
    return Atomics.load(this.#context.core.words, this.#context.record + PartitionWord.Mappings);
  }

  /** Nothing is remembered of what was mapped before `generation`. */
  acknowledgeMappings(generation: number): void {
    const { core, vpRecord } = this.#context;
    if (this.#context.alive) Atomics.store(core.words, vpRecord + VpWord.Mappings, generation);
  }

  /** Whether the guest has its hypercall page: a processor whose guest executes VMCALL without it injects #UD. */
  get hypercallPageEnabled(): boolean {
    return (this.#context.core.words[this.#context.record + PartitionWord.HypercallMsr]! & 1) !== 0;
  }

  /**
   * Runs the hypercall that {@link Vp.registers} describe and sets RAX. Never throws on what a guest put there or in
   * memory. A fast HvCallSignalEvent, the doorbell of every channel, allocates nothing.
   */
  hypercall(): void {
    const context = this.#context;
    const { registers } = this;
    const { trace } = context.core;
    const began = trace !== undefined && trace.on ? trace.tick() : -1;
    if (!context.alive) {
      registers[Register.RaxLow] = HvStatus.InvalidVpState;
      registers[Register.RaxHigh] = 0;
    } else if (registers[Register.RcxLow] === (SIGNAL_EVENT | FAST) && registers[Register.RcxHigh] === 0) {
      const flags = registers[Register.RdxHigh]!;
      const status =
        flags > 0xffff
          ? HvStatus.InvalidParameter
          : context.core.signalEvent(context.partition, registers[Register.RdxLow]!, flags);
      registers[Register.RaxLow] = status;
      registers[Register.RaxHigh] = 0;
      countCall(context, SIGNAL_COUNTER);
      count(context, status);
    } else dispatch(context);
    if (began >= 0) traceHypercall(trace!, context, began);
  }

  /** Reads an MSR. Only synthetic ones are known here; the rest are the processor's, and GP. */
  readMsr(index: number): bigint | GP {
    const context = this.#context;
    const value = context.alive ? readRegister(registers, context, index) : GP;
    if (value === GP) this.#fault();
    const { trace } = context.core;
    if (trace !== undefined && trace.on) traceMsr(trace, context, index, 0, value === GP ? undefined : value);
    return value;
  }

  /** Writes an MSR. */
  writeMsr(index: number, value: bigint): void | GP {
    const context = this.#context;
    const result = context.alive ? writeRegister(registers, context, index, value) : GP;
    if (result === GP) this.#fault();
    const { trace } = context.core;
    if (trace !== undefined && trace.on) traceMsr(trace, context, index, 1, value, result === GP);
    return result;
  }

  /** Fills `out` with EAX, EBX, ECX and EDX of a CPUID leaf; zeros for a leaf that the hypervisor does not define. */
  cpuid(leaf: number, subleaf: number, out: Uint32Array): void {
    void subleaf;
    cpuid(this.#context, leaf, out);
  }

  /**
   * Makes visible to the guest what has come for it: messages, event flags, due timers; their vectors become pending.
   * For a guest that looks at its pages with interrupts off. Allocates nothing.
   */
  settle(): void {
    const context = this.#context;
    if (!context.alive) return;
    context.synic.settle();
    context.apic.settle();
  }

  /**
   * The highest pending vector above the priorities of the task and of what is in service, -1 when there is none. To be
   * asked after {@link Vp.settle}. Allocates nothing.
   */
  highestInterrupt(): number {
    const { apic, core, vpRecord } = this.#context;
    return apic.present ? apic.highestInterrupt() : highest(core.words, vpRecord);
  }

  /**
   * Takes a vector that {@link Vp.highestInterrupt} returned. With an APIC it is in service until its EOI, unless it
   * belongs to a SINT with auto-EOI. Allocates nothing.
   */
  acknowledge(vector: number): void {
    const { apic, core, vpRecord } = this.#context;
    if (apic.present) apic.acknowledge(vector);
    else remove(core.words, vpRecord, vector);
  }

  /**
   * {@link Vp.settle}, then acknowledges and returns {@link Vp.highestInterrupt}; -1 when there is none. Allocates
   * nothing.
   */
  takeInterrupt(): number {
    if (!this.#context.alive) return -1;
    this.settle();
    const vector = this.highestInterrupt();
    if (vector >= 0) this.acknowledge(vector);
    return vector;
  }

  /**
   * Whether there may be something to do before the VP sleeps: {@link Vp.settle}, an interrupt that its priorities let
   * through, an NMI, an INIT or a start-up command. Whether its flags let an interrupt in, the processor knows.
   */
  get interruptPending(): boolean {
    const { alive, synic, apic } = this.#context;
    if (!alive) return false;
    return synic.hasWork || apic.hasWork || this.highestInterrupt() >= 0 || apic.nmiPending || apic.startup.pending;
  }

  /** Whether a non-maskable interrupt waits; {@link Vp.acknowledgeNmi} takes it. */
  get nmiPending(): boolean {
    return this.#context.apic.nmiPending;
  }

  /** The processor has taken the pending NMI. */
  acknowledgeNmi(): void {
    this.#context.apic.acknowledgeNmi();
  }

  /** Whether the VP runs, waits to be started, or has an INIT or a start-up command to take. Always the same object. */
  get startup(): Startup {
    return this.#context.apic.startup;
  }

  /** Task priority, 0-255: CR8 is its upper four bits. */
  get taskPriority(): number {
    return this.#context.apic.taskPriority;
  }

  /** Sets it: interrupts of its class and of lower ones wait (SDM volume 3A, 11.8.6). */
  set taskPriority(value: number) {
    this.#context.apic.taskPriority = value;
  }

  /** Whether the VP has a local APIC that IA32_APIC_BASE has on: bit 9 of EDX of CPUID leaf 1. */
  get apicEnabled(): boolean {
    return this.#context.apic.enabled;
  }

  /** Guest-physical page that is the local APIC's registers; -1 while they are MSRs, or there are none. */
  get apicPage(): number {
    return this.#context.apic.page;
  }

  /** Reads 32 bits at `offset` of the local APIC's register page. */
  apicRead(offset: number): number {
    return this.#context.alive ? this.#context.apic.readPage(offset) : 0xffff_ffff;
  }

  /** Writes 32 bits at `offset` of the local APIC's register page. */
  apicWrite(offset: number, value: number): void {
    if (this.#context.alive) this.#context.apic.writePage(offset, value);
  }

  /** The time-stamp counter: starts at 0 with the partition, at {@link TSC_FREQUENCY}, the same on all of its VPs. */
  tsc(): bigint {
    const context = this.#context;
    return (BigInt(context.core.referenceTime(context.record)) * TSC_FREQUENCY) / REFERENCE_FREQUENCY;
  }

  /** Clock time of this VP's earliest timer, `Infinity` when none is armed. */
  nextDeadline(): number {
    const { synic, apic, core, partition } = this.#context;
    return Math.min(synic.nextDeadline(), apic.due + core.timeOrigin(partition));
  }

  /** Whether it may not use the whole of a processor, however many there are. */
  get capped(): boolean {
    const { core, record } = this.#context;
    return Atomics.load(core.words, record + PartitionWord.CpuCap) !== 0;
  }

  /** Adds time that the VP ran, in units of 100 ns, to its run time and to what its cap counts. */
  accountRunTime(ticks: number): void {
    if (this.#context.alive) account(this.#context, ticks);
  }

  /**
   * Units of 100 ns that cap, weight and reserve let the VP run before the present window ends; 0 when it must rest
   * until {@link RUN_TIME_WINDOW} next divides the clock.
   */
  runAllowance(): number {
    return this.#context.alive ? allowance(this.#context) : 0;
  }

  #fault(): void {
    Atomics.add(this.#context.core.words, this.#context.record + PartitionWord.Faults, 1);
  }
}
