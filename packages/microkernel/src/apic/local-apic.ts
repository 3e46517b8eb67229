/**
 * LocalApic: the interrupt controller of one virtual processor, on the thread that runs it (Intel SDM volume 3, chapter
 * "Advanced Programmable Interrupt Controller (APIC)").
 *
 * Whoever sends to a VP sets atomic words of its record and rings its doorbell; everything else here is the VP's own.
 * Nothing is wired to the LINT pins: interrupts come from commands, the timer, errors, the SynIC and the host, whose I/O
 * APIC is told of the end of those that it requested as level-triggered.
 */
import type { Core } from '../core.ts';
import { VpWord } from '../state/layout.ts';
import type { VpSynic } from '../synic/index.ts';
import { FIRST_VECTOR, post } from '../vp/interrupts.ts';
import { readBase, writeBase } from './base-register.ts';
import { COMMAND_BITS, sendCommand, type Sender } from './interrupt-command.ts';
import {
  ApicAt,
  ApicError,
  Delivery,
  Events,
  Local,
  LOCAL_COUNT,
  LOCAL_MASKED,
  Mode,
  SOFTWARE_ENABLE,
} from './layout.ts';
import { accept, deliverable, endOfInterrupt, levelTriggered, processorPriority } from './priority.ts';
import { apicRows, COMMAND } from './registers.ts';
import { resetRegisters } from './reset.ts';
import { restoreApic, saveApic, type SavedApic } from './saved-state.ts';
import { Startup } from './startup.ts';
import {
  expireTimer,
  setDeadline,
  setDivide,
  setInitialCount,
  setTimerVector,
  timerDue,
  timerMode,
  TimerMode,
} from './timer.ts';

/** One VP's local APIC. */
export class LocalApic implements Sender {
  readonly core: Core;
  readonly words: Int32Array;
  readonly partition: number;
  readonly index: number;
  /** First word of the VP's record, and of the APIC's part of it. */
  readonly record: number;
  readonly at: number;
  readonly startup: Startup;
  readonly #partitionRecord: number;
  readonly #synic: VpSynic;

  constructor(
    core: Core,
    vp: { readonly partition: number; readonly index: number },
    slots: { readonly partition: number; readonly vp: number },
    synic: VpSynic,
  ) {
    this.core = core;
    this.words = core.words;
    this.partition = vp.partition;
    this.index = vp.index;
    this.record = core.state.vp(slots.vp);
    this.at = this.record + VpWord.Apic;
    this.#partitionRecord = core.state.partition(slots.partition);
    this.#synic = synic;
    this.startup = new Startup(this.words, this.record, () => resetRegisters(this.words, this.record));
  }

  /** Whether the VP was created with an APIC. Without one, nothing below applies. */
  get present(): boolean {
    return this.#mode !== 0;
  }

  /** Whether IA32_APIC_BASE has it on: what CPUID leaf 1 shows. */
  get enabled(): boolean {
    return (this.#mode & Mode.Enabled) !== 0;
  }

  /** Whether it is in x2APIC mode. */
  get x2(): boolean {
    return (this.#mode & Mode.X2) !== 0;
  }

  /** Guest-physical page at which the registers are read and written, -1 while they are MSRs or the APIC is off. */
  get page(): number {
    return (this.#mode & (Mode.Enabled | Mode.X2)) === Mode.Enabled ? this.words[this.at + ApicAt.BasePage]! : -1;
  }

  /** The partition's reference time, which the timer runs by. */
  now(): number {
    return this.core.referenceTime(this.#partitionRecord);
  }

  // Interrupts, as the processor takes them.

  /** The vector that can be delivered now, above the priorities of the task and of what is in service; or -1. */
  highestInterrupt(): number {
    return deliverable(this.words, this.record);
  }

  /** Puts a vector that {@link highestInterrupt} returned in service. One of an auto-EOI SINT is over at once. */
  acknowledge(vector: number): void {
    const endsItself = this.#synic.isAutoEoi(vector);
    accept(this.words, this.record, vector, endsItself);
    if (endsItself) this.#ended(vector);
  }

  endOfInterrupt(): void {
    const vector = endOfInterrupt(this.words, this.record);
    if (vector >= 0) this.#ended(vector);
  }

  get nmiPending(): boolean {
    return (Atomics.load(this.words, this.at + ApicAt.Events) & Events.Nmi) !== 0;
  }

  acknowledgeNmi(): void {
    Atomics.and(this.words, this.at + ApicAt.Events, ~Events.Nmi);
  }

  /** Task priority register; CR8 is its upper four bits. */
  get taskPriority(): number {
    return this.words[this.record + VpWord.Tpr]!;
  }

  set taskPriority(value: number) {
    Atomics.store(this.words, this.record + VpWord.Tpr, value & 0xff);
  }

  // Time.

  /** Whether {@link settle} has something to do. */
  get hasWork(): boolean {
    return this.words[this.at + ApicAt.Armed] !== 0 && timerDue(this.words, this.at) <= this.now();
  }

  /** Lets the timer expire, if it is due. Allocates nothing. */
  settle(): void {
    if (this.words[this.at + ApicAt.Armed] === 0) return;
    if (expireTimer(this.words, this.at, this.now())) this.#raiseLocal(Local.Timer);
  }

  /** Reference time at which the timer is due, `Infinity` while it is stopped or masked. */
  get due(): number {
    const masked = (this.words[this.at + ApicAt.LocalVectors + Local.Timer]! & LOCAL_MASKED) !== 0;
    return masked ? Infinity : timerDue(this.words, this.at);
  }

  // Registers. A timer that is due has expired before any of them is looked at.

  /** Reads 32 bits at `offset` of the register page. What is no register reads 0. */
  readPage(offset: number): number {
    if (this.page < 0) return 0xffff_ffff;
    this.settle();
    // Each register takes 16 bytes, of which it fills the first four.
    if ((offset & 0xf) !== 0) return 0;
    const row = apicRows[offset >>> 4];
    if (row === undefined || row.only === 'x2apic') {
      this.#error(ApicError.IllegalRegister);
      return 0;
    }
    return (row.read?.(this) ?? 0) >>> 0;
  }

  /** Writes 32 bits at `offset` of the register page. */
  writePage(offset: number, value: number): void {
    if (this.page < 0) return;
    this.settle();
    if ((offset & 0xf) !== 0) return;
    const row = apicRows[offset >>> 4];
    if (row === undefined || row.only === 'x2apic') this.#error(ApicError.IllegalRegister);
    else row.write?.(this, value & (row.bits ?? 0));
  }

  /** Reads the register of this number as an MSR. `undefined`: the access faults. */
  readMsr(number: number): bigint | undefined {
    const row = apicRows[number];
    if (!this.x2 || row?.read === undefined || row.only === 'xapic') return undefined;
    this.settle();
    const low = BigInt(row.read(this) >>> 0);
    return number === COMMAND ? (this.#commandHigh << 32n) | low : low;
  }

  /** Writes the register of this number as an MSR. @returns `false` when the access faults. */
  writeMsr(number: number, value: bigint): boolean {
    const row = apicRows[number];
    if (!this.x2 || row?.write === undefined || row.only === 'xapic' || row.writable === 'xapic') return false;
    const low = Number(value & 0xffff_ffffn);
    if ((low & ~((row.bits ?? 0) | (row.fixed ?? 0))) >>> 0 !== 0) return false;
    this.settle();
    if (number === COMMAND) {
      const destination = Number(value >> 32n);
      this.command(low & COMMAND_BITS, destination | 0, destination);
      return true;
    }
    if (value >> 32n !== 0n) return false;
    row.write(this, low & (row.bits ?? 0));
    return true;
  }

  /** IA32_APIC_BASE. */
  get base(): bigint {
    return readBase(this.words, this.at);
  }

  /** @returns `false` for a value, or a step from one mode to another, that faults. */
  writeBase(value: bigint): boolean {
    this.settle();
    return writeBase(this.words, this.record, value);
  }

  /** IA32_TSC_DEADLINE: 0 when the timer is not armed by it. */
  get tscDeadline(): bigint {
    this.settle();
    if (timerMode(this.words, this.at) !== TimerMode.TscDeadline) return 0n;
    return this.core.state.quad(this.at + ApicAt.TscDeadline);
  }

  set tscDeadline(value: bigint) {
    this.settle();
    setDeadline(this.words, this.at, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
    this.settle();
  }

  // What the rows of registers.ts do beyond storing.

  /** Writes the interrupt command register and sends what it says. `destination`: as {@link sendCommand} wants it. */
  command(low: number, high: number, destination: number): void {
    this.words[this.at + ApicAt.CommandLow] = low;
    this.words[this.at + ApicAt.CommandHigh] = high;
    this.words[this.at + ApicAt.Sent] = (this.words[this.at + ApicAt.Sent]! + 1) | 0;
    if (!this.enabled) return;
    if (!sendCommand(this, low, destination)) this.#error(ApicError.SendIllegalVector);
  }

  /** Sends a fixed interrupt to itself. */
  selfInterrupt(vector: number): void {
    const self = 1 << 18;
    if (!sendCommand(this, self | (Delivery.Fixed << 8) | vector, 0)) this.#error(ApicError.SendIllegalVector);
  }

  /** Without bit 8 the APIC accepts no fixed interrupts, and its local vectors are masked. */
  setSpuriousVector(value: number): void {
    this.words[this.at + ApicAt.SpuriousVector] = value;
    if ((value & SOFTWARE_ENABLE) !== 0) {
      Atomics.or(this.words, this.at + ApicAt.Mode, Mode.SoftwareEnabled);
      return;
    }
    Atomics.and(this.words, this.at + ApicAt.Mode, ~Mode.SoftwareEnabled);
    for (let n = 0; n < LOCAL_COUNT; n++) {
      const at = this.at + ApicAt.LocalVectors + n;
      this.words[at] = this.words[at]! | LOCAL_MASKED;
    }
  }

  setLocalVector(position: number, value: number): void {
    const entry = (this.#mode & Mode.SoftwareEnabled) === 0 ? value | LOCAL_MASKED : value;
    if (position === Local.Timer) setTimerVector(this.words, this.at, entry);
    else this.words[this.at + ApicAt.LocalVectors + position] = entry;
  }

  setInitialCount(count: number): void {
    setInitialCount(this.words, this.at, count >>> 0, this.now());
  }

  setDivide(value: number): void {
    setDivide(this.words, this.at, value, this.now());
  }

  /** Shows the errors since the last time, and forgets them. */
  latchErrors(): void {
    this.words[this.at + ApicAt.ErrorStatus] = this.words[this.at + ApicAt.NewErrors]!;
    this.words[this.at + ApicAt.NewErrors] = 0;
  }

  /** The state of the VP's APIC, while the VP does not run and nobody sends to it. After the SynIC's: that raises vectors. */
  save(): SavedApic {
    this.settle();
    return saveApic(this.words, this.record);
  }

  /** Takes a saved state. @returns `false`, with the APIC as after power-up, for a state that cannot be. */
  restore(saved: SavedApic): boolean {
    return restoreApic(this.words, this.record, saved);
  }

  /** What a person debugging wants to see; no side effects. */
  inspect(): Record<string, unknown> {
    const { words, at } = this;
    const inService: number[] = [];
    for (let vector = 0; vector < 256; vector++) {
      if ((words[at + ApicAt.InService + (vector >>> 5)]! & (1 << (vector & 31))) !== 0) inService.push(vector);
    }
    return {
      mode: this.enabled ? (this.x2 ? 'x2apic' : 'xapic') : 'off',
      softwareEnabled: (this.#mode & Mode.SoftwareEnabled) !== 0,
      startup: this.startup.state,
      taskPriority: this.taskPriority,
      processorPriority: processorPriority(words, this.record),
      inService,
      nmiPending: this.nmiPending,
      localVectors: Array.from(
        { length: LOCAL_COUNT },
        (_, n) => `0x${words[at + ApicAt.LocalVectors + n]!.toString(16)}`,
      ),
      timerDue: timerDue(words, at),
      commands: words[at + ApicAt.Sent]! >>> 0,
      refused: Atomics.load(words, at + ApicAt.Refused) >>> 0,
      timerExpired: words[at + ApicAt.TimerExpired]! >>> 0,
      ended: words[at + ApicAt.Ended]! >>> 0,
    };
  }

  /** Whoever holds a line of a level-triggered interrupt must hear that it is over. */
  #ended(vector: number): void {
    if (levelTriggered(this.words, this.record, vector)) this.core.outside.apicEoi?.(this.partition, vector);
  }

  get #mode(): number {
    return Atomics.load(this.words, this.at + ApicAt.Mode);
  }

  get #commandHigh(): bigint {
    return BigInt(this.words[this.at + ApicAt.CommandHigh]! >>> 0);
  }

  /** Raises the vector of a local source, unless it is masked. */
  #raiseLocal(position: number): void {
    const entry = this.words[this.at + ApicAt.LocalVectors + position]!;
    if ((entry & LOCAL_MASKED) !== 0) return;
    const vector = entry & 0xff;
    if (vector >= FIRST_VECTOR) post(this.words, this.record, vector);
    // An error interrupt with such a vector must not report itself for ever.
    else if (position === Local.Error) this.#note(ApicError.ReceiveIllegalVector);
    else this.#error(ApicError.ReceiveIllegalVector);
  }

  #error(bit: number): void {
    this.#note(bit);
    this.#raiseLocal(Local.Error);
  }

  #note(bit: number): void {
    this.words[this.at + ApicAt.NewErrors] = this.words[this.at + ApicAt.NewErrors]! | bit;
  }
}
