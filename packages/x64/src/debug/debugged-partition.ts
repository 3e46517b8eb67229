/**
 * A partition under a debugger: holds its VPs, lets them run or step, says why they stopped, reads and changes what they see.
 *
 * It can be on any thread: all of it is the VPs' memory, and while a VP stands still that is the debugger's. The VPs' own
 * side is `debugged-vp.ts`; what they wait for is the table drawn in `state.ts`.
 */
import type { CoreExports } from '../core-loader.ts';
import * as S from '../state.ts';
import { DEBUG_REGISTERS, type DebugRegister, type StandingVp } from './registers.ts';
import { piecesOf, Translation } from './translate.ts';

/** What a debugged partition is made of. */
export interface DebuggedPartitionOptions {
  /** An instance of the core of the debugger's own, on the partition's node. */
  readonly core: CoreExports;
  /** The node. */
  readonly buffer: SharedArrayBuffer;
  /** Addresses of the VPs' areas. */
  readonly areas: readonly number[];
  /** Address of a page that is the partition's debug table. */
  readonly table: number;
  /** The run has to come out as if there were no debugger: all VPs are on one thread, and nothing of them is changed. */
  readonly exact?: boolean;
  /** Makes whoever runs a VP look at it. */
  wake(vp: number): void;
}

/** What a VP is to do. */
export type DebugCommand = 'run' | 'step' | 'hold';

/** Why a VP stands still. */
export interface DebugStop {
  /** What it was stopped by. */
  readonly reason: 'held' | 'step' | 'breakpoint' | 'watchpoint' | 'read-msr' | 'write-msr' | 'hypercall';
  /** Address of the breakpoint or watchpoint, number of the MSR, code of the hypercall. */
  readonly address: bigint;
}

/** Accesses that a watchpoint or an MSR is watched for. */
export interface WatchedAccess {
  /** Stop at reads. */
  readonly read: boolean;
  /** Stop at writes. */
  readonly write: boolean;
}

/** What VPs are to stop at. */
export interface DebugStops {
  /** Linear addresses of instructions. */
  readonly breakpoints: readonly bigint[];
  /** Linear addresses that are watched, with `length` in bytes. */
  readonly watchpoints: readonly (WatchedAccess & { readonly address: bigint; readonly length: number })[];
  /** MSRs that are watched. */
  readonly msrs: readonly (WatchedAccess & { readonly index: number })[];
  /** Call codes. */
  readonly hypercalls: readonly number[];
}

/** How many of each there can be. */
export const MOST_STOPS = {
  breakpoints: S.DEBUG_BREAKPOINT_LIMIT,
  watchpoints: S.DEBUG_WATCHPOINT_LIMIT,
  msrs: S.DEBUG_MSR_LIMIT,
  hypercalls: S.DEBUG_HYPERCALL_LIMIT,
} as const;

const NOTHING: DebugStops = { breakpoints: [], watchpoints: [], msrs: [], hypercalls: [] };

/** Of EXIT_REQUEST: leave the block, there is something to look at. */
const LOOK = 1;
const COMMANDS = { run: S.COMMAND_RUN, step: S.COMMAND_STEP, hold: S.COMMAND_HOLD } as const;
const REASONS: Readonly<Record<number, DebugStop['reason']>> = {
  [S.CAUSE_BREAKPOINT]: 'breakpoint',
  [S.CAUSE_WATCHPOINT]: 'watchpoint',
  [S.CAUSE_STEP]: 'step',
  [S.CAUSE_READ_MSR]: 'read-msr',
  [S.CAUSE_WRITE_MSR]: 'write-msr',
  [S.CAUSE_HYPERCALL]: 'hypercall',
};
/** The instruction that these stop at is next: run on, and they would be met again. */
const MET_AGAIN: ReadonlySet<DebugStop['reason']> = new Set(['read-msr', 'write-msr', 'hypercall']);

/** One partition. Registers and memory may be asked for while all VPs stand still. */
export class DebuggedPartition {
  /** Its VPs, by number. */
  readonly vps: readonly DebuggedVpAccess[];
  readonly #options: DebuggedPartitionOptions;
  readonly #view: DataView;
  readonly #table: DataView;
  /** The stops that the table holds. */
  #stops: DebugStops = NOTHING;

  constructor(options: DebuggedPartitionOptions) {
    this.#options = options;
    this.#view = new DataView(options.buffer);
    this.#table = new DataView(options.buffer, options.table, S.DEBUG_TABLE_BYTES);
    const { core } = options;
    this.vps = options.areas.map((area) => new DebuggedVpAccess({ view: this.#view, area, core }, options.buffer));
  }

  /** A word that grows whenever a VP comes to a stop, for `Atomics`. */
  get stopped(): { readonly words: Int32Array; readonly index: number } {
    return {
      words: new Int32Array(this.#options.buffer, this.#options.table, S.DEBUG_TABLE_BYTES / 4),
      index: S.DEBUG_STOPS / 4,
    };
  }

  /** The debugger is there from now on: nothing stops yet. */
  attach(): void {
    for (const vp of this.vps) vp.setTable(this.#options.table, this.exact);
  }

  /** Registers and memory can only be read, a VP takes interrupts when it steps, and none stands still alone. */
  get exact(): boolean {
    return this.#options.exact === true;
  }

  /** Lets go of everything: VPs that stand still run on. */
  detach(): void {
    this.setStops(NOTHING);
    new Uint8Array(this.#options.buffer, this.#options.table, S.DEBUG_TABLE_BYTES).fill(0);
    for (const vp of this.vps) vp.setTable(0, this.exact);
    this.resume(() => 'run');
  }

  /** Makes all VPs stand still, soon. */
  hold(): void {
    for (const [index, vp] of this.vps.entries()) {
      vp.command('hold');
      this.#options.wake(index);
    }
  }

  /** Whether every VP stands still. */
  get allHeld(): boolean {
    return this.vps.every((vp) => vp.held);
  }

  /** Lets VPs that stand still do what `commandOf` says. */
  resume(commandOf: (vp: number) => DebugCommand): void {
    for (const [index, vp] of this.vps.entries()) {
      const command = commandOf(index);
      if (command === 'hold' && !this.exact) continue;
      vp.release(command === 'hold' ? 'run' : command);
      this.#options.wake(index);
    }
  }

  /** Changes what VPs stop at, while all of them stand still. More than {@link MOST_STOPS} are left out. */
  setStops(stops: DebugStops): void {
    const before = this.#stops;
    const { core } = this.#options;
    this.#stops = stops;
    this.#write(stops);
    // Ops of breakpoints that are gone find nothing, and stay until their code is decoded anew.
    const fresh = stops.breakpoints.some((address) => !before.breakpoints.includes(address));
    if (fresh) for (const { area } of this.vps) core.resetArena(area);
    if (!sameWatchpoints(before, stops)) for (const { area } of this.vps) core.flushTlb(area);
  }

  /** Reads by a VP's linear addresses. @returns the bytes up to the first that is no memory */
  read(vp: number, address: bigint, length: number): Uint8Array {
    const { translation } = this.vps[vp]!;
    return this.#read(address, length, (at) => translation.placeOf(at));
  }

  /** Reads guest-physical memory. */
  readPhysical(address: bigint, length: number): Uint8Array {
    const { translation } = this.vps[0]!;
    return this.#read(address, length, (at) => translation.place(at));
  }

  /**
   * Writes by a VP's linear addresses, whatever the pages' rights are.
   * @returns false when not all of it is memory, or the run is exact
   */
  write(vp: number, address: bigint, bytes: Uint8Array): boolean {
    if (this.exact) return false;
    const { translation } = this.vps[vp]!;
    return this.#write8(address, bytes, (at) => translation.placeOf(at));
  }

  #read(address: bigint, length: number, placeOf: (address: bigint) => number | undefined): Uint8Array {
    const bytes = new Uint8Array(length);
    for (const piece of piecesOf(address, length)) {
      const place = placeOf(piece.address);
      if (place === undefined) return bytes.subarray(0, piece.at);
      bytes.set(new Uint8Array(this.#options.buffer, place, piece.length), piece.at);
    }
    return bytes;
  }

  #write8(address: bigint, bytes: Uint8Array, placeOf: (address: bigint) => number | undefined): boolean {
    const pieces = [...piecesOf(address, bytes.length)].map((piece) => ({ ...piece, place: placeOf(piece.address) }));
    if (pieces.some(({ place }) => place === undefined)) return false;
    for (const { place, at, length } of pieces) {
      new Uint8Array(this.#options.buffer, place!, length).set(bytes.subarray(at, at + length));
      // What was decoded of it is out of date.
      for (const { area } of this.vps) this.#options.core.dropPage(area, place! & ~0xfff);
    }
    for (const { area } of this.vps) this.#options.core.flushJumpCache(area);
    return true;
  }

  #write({ breakpoints, watchpoints, msrs, hypercalls }: DebugStops): void {
    const table = this.#table;
    const offsets = new Uint8Array(this.#options.buffer, this.#options.table + S.DEBUG_OFFSETS, 512).fill(0);
    for (const [i, address] of breakpoints.slice(0, S.DEBUG_BREAKPOINT_LIMIT).entries()) {
      table.setBigUint64(S.DEBUG_BREAKPOINTS + 8 * i, BigInt.asUintN(64, address), true);
      const offset = Number(address & 0xfffn);
      offsets[offset >> 3]! |= 1 << (offset & 7);
    }
    for (const [i, each] of watchpoints.slice(0, S.DEBUG_WATCHPOINT_LIMIT).entries()) {
      const at = S.DEBUG_WATCHPOINTS + 16 * i;
      table.setBigUint64(at, BigInt.asUintN(64, each.address), true);
      table.setUint32(at + 8, each.length, true);
      table.setUint32(at + 12, kindsOf(each), true);
    }
    for (const [i, each] of msrs.slice(0, S.DEBUG_MSR_LIMIT).entries()) {
      table.setUint32(S.DEBUG_MSRS + 8 * i, each.index, true);
      table.setUint32(S.DEBUG_MSRS + 8 * i + 4, kindsOf(each), true);
    }
    for (const [i, code] of hypercalls.slice(0, S.DEBUG_HYPERCALL_LIMIT).entries()) {
      table.setUint32(S.DEBUG_HYPERCALLS + 4 * i, code, true);
    }
    const counts = { breakpoints, watchpoints, msrs, hypercalls };
    for (const [name, offset] of COUNTERS) {
      table.setUint32(offset, Math.min(counts[name].length, MOST_STOPS[name]), true);
    }
  }
}

const COUNTERS = [
  ['breakpoints', S.DEBUG_BREAKPOINT_COUNT],
  ['watchpoints', S.DEBUG_WATCHPOINT_COUNT],
  ['msrs', S.DEBUG_MSR_COUNT],
  ['hypercalls', S.DEBUG_HYPERCALL_COUNT],
] as const;

const kindsOf = ({ read, write }: WatchedAccess): number => (read ? S.WATCH_READ : 0) | (write ? S.WATCH_WRITE : 0);

function sameWatchpoints(a: DebugStops, b: DebugStops): boolean {
  const key = ({ watchpoints }: DebugStops): string =>
    watchpoints
      .map((each) => `${each.address},${each.length},${kindsOf(each)}`)
      .toSorted()
      .join();
  return key(a) === key(b);
}

/** One VP. */
export class DebuggedVpAccess {
  /** Address of its area in the node. */
  readonly area: number;
  /** Its page tables, from linear addresses to pages of the node. */
  readonly translation: Translation;
  readonly #vp: StandingVp;
  readonly #words: Int32Array;
  /** RIP when it came to stand still. */
  #stoppedAt: bigint | undefined;

  constructor(vp: StandingVp, buffer: SharedArrayBuffer) {
    this.#vp = vp;
    this.area = vp.area;
    this.translation = new Translation(vp.view, vp.area);
    this.#words = new Int32Array(buffer, vp.area, S.STATE_SIZE / 4);
  }

  /** Whether it stands still. */
  get held(): boolean {
    return Atomics.load(this.#words, S.DEBUG_HELD / 4) !== 0;
  }

  /** It waits in HLT. */
  get halted(): boolean {
    return this.#words[S.HALTED / 4] !== 0;
  }

  /** Privilege level. */
  get privilege(): number {
    return this.#words[S.CPL / 4]!;
  }

  /** Where its next instruction is. */
  get rip(): bigint {
    return this.#vp.view.getBigUint64(this.area + S.RIP, true);
  }

  /** Why it stands still; asking once is enough: until it runs on, it is `held` then. */
  takeStop(): DebugStop {
    const reason = REASONS[this.#words[S.DEBUG_CAUSE / 4]!] ?? 'held';
    const address = this.#vp.view.getBigUint64(this.area + S.DEBUG_ADDRESS, true);
    this.#words[S.DEBUG_CAUSE / 4] = 0;
    if (MET_AGAIN.has(reason)) this.#stoppedAt = this.rip;
    return { reason, address };
  }

  /** As {@link takeStop}, but it stays to be asked for. */
  get stop(): DebugStop['reason'] {
    return REASONS[this.#words[S.DEBUG_CAUSE / 4]!] ?? 'held';
  }

  /** The value of a register, as wide as its row says. */
  register(register: DebugRegister): bigint {
    return register.read(this.#vp);
  }

  /** @returns false when the register cannot have this value, or the run is exact */
  setRegister(register: DebugRegister, value: bigint): boolean {
    if (this.#exact) return register.read(this.#vp) === value;
    return register.write(this.#vp, value);
  }

  /** A register by its name in gdb. */
  named(name: string): bigint | undefined {
    return DEBUG_REGISTERS.find((each) => each.name === name)?.read(this.#vp);
  }

  /** @internal */
  setTable(table: number, exact: boolean): void {
    this.#words[S.DEBUG_TABLE / 4] = table;
    // It outlives the debugger: what is under way has to end as it began.
    this.#words[S.DEBUG_EXACT / 4] = exact ? 1 : 0;
  }

  get #exact(): boolean {
    return this.#words[S.DEBUG_EXACT / 4] !== 0;
  }

  /** @internal */
  command(command: DebugCommand): void {
    Atomics.store(this.#words, S.DEBUG_COMMAND / 4, COMMANDS[command]);
    if (!this.#exact) Atomics.or(this.#words, S.EXIT_REQUEST / 4, LOOK);
  }

  /** @internal Lets a VP that stands still go; the instruction that it stopped at is then run without a look at it. */
  release(command: 'run' | 'step'): void {
    if (this.#stoppedAt === this.rip && command === 'run') {
      this.#words[S.SINGLE / 4]! |= this.#exact ? S.SINGLE_STEP | S.SINGLE_WAKE : S.SINGLE_STEP;
    }
    this.#stoppedAt = undefined;
    this.#words[S.DEBUG_CAUSE / 4] = 0;
    Atomics.and(this.#words, S.EXIT_REQUEST / 4, ~LOOK);
    Atomics.store(this.#words, S.DEBUG_COMMAND / 4, COMMANDS[command]);
    Atomics.store(this.#words, S.DEBUG_HELD / 4, 0);
  }
}
