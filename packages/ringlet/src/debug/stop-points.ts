/**
 * What a machine is to stop at, as its user asked: gdb's breakpoints and watchpoints, and those that only this monitor has,
 * on hypercalls, MSRs and packets, each with a number to delete it by.
 */
import type { DebugStops, WatchedAccess } from '@ringlet/x64';

/** A break of the monitor's. */
export type MonitorBreak = { readonly number: number; readonly text: string } & MonitorBreakKind;

/** Its kind. */
export type MonitorBreakKind =
  | { readonly kind: 'hypercall'; readonly code: number }
  | ({ readonly kind: 'msr'; readonly index: number } & WatchedAccess)
  /** On a packet of the devices whose name this is. */
  | { readonly kind: 'packet'; readonly device: string };

/** A watchpoint as gdb sets it. */
interface Watchpoint extends WatchedAccess {
  readonly address: bigint;
  readonly length: number;
}

/** The sets of them. */
export class StopPoints {
  /** Linear addresses; a count each, as gdb may have one as software and as hardware breakpoint. */
  readonly #breakpoints = new Map<bigint, Set<string>>();
  readonly #watchpoints = new Map<string, Watchpoint>();
  readonly #monitor: MonitorBreak[] = [];
  #last = 0;

  get breakpointCount(): number {
    return this.#breakpoints.size;
  }

  get watchpointCount(): number {
    return this.#watchpoints.size;
  }

  get monitorBreaks(): readonly MonitorBreak[] {
    return this.#monitor;
  }

  addBreakpoint(address: bigint, type: string): void {
    const types = this.#breakpoints.get(address) ?? new Set();
    this.#breakpoints.set(address, types.add(type));
  }

  removeBreakpoint(address: bigint, type: string): void {
    const types = this.#breakpoints.get(address);
    types?.delete(type);
    if (types?.size === 0) this.#breakpoints.delete(address);
  }

  /** By what kind of breakpoint an address is one: `0` software, `1` hardware. */
  breakpointType(address: bigint): string | undefined {
    return this.#breakpoints.get(address)?.values().next().value;
  }

  addWatchpoint(watchpoint: Watchpoint): void {
    this.#watchpoints.set(keyOf(watchpoint), watchpoint);
  }

  removeWatchpoint(watchpoint: Watchpoint): void {
    this.#watchpoints.delete(keyOf(watchpoint));
  }

  /** The watchpoint at an address. */
  watchpointAt(address: bigint): WatchedAccess | undefined {
    return [...this.#watchpoints.values()].find((each) => each.address === address);
  }

  addMonitorBreak(kind: MonitorBreakKind, text: string): MonitorBreak {
    const added = { number: ++this.#last, text, ...kind };
    this.#monitor.push(added);
    return added;
  }

  /** @returns whether there was one */
  removeMonitorBreak(number: number): boolean {
    const at = this.#monitor.findIndex((each) => each.number === number);
    if (at >= 0) this.#monitor.splice(at, 1);
    return at >= 0;
  }

  clearMonitorBreaks(): void {
    this.#monitor.length = 0;
  }

  clear(): void {
    this.#breakpoints.clear();
    this.#watchpoints.clear();
    this.clearMonitorBreaks();
  }

  /** What the processors are told. */
  get forProcessors(): DebugStops {
    return {
      breakpoints: [...this.#breakpoints.keys()],
      watchpoints: [...this.#watchpoints.values()],
      msrs: this.#monitor.filter((each) => each.kind === 'msr'),
      hypercalls: this.#monitor.filter((each) => each.kind === 'hypercall').map(({ code }) => code),
    };
  }

  /** What the devices are told. */
  get forDevices(): readonly string[] {
    return this.#monitor.filter((each) => each.kind === 'packet').map(({ device }) => device);
  }
}

const keyOf = ({ address, length, read, write }: Watchpoint): string => `${address},${length},${read},${write}`;
