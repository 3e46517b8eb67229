/**
 * Boot memory: guest RAM while a kernel is put there. Knows what is RAM and what is taken already, so that no two things
 * a loader places can overlap, and nothing is placed where there is no memory.
 */
import type { GuestMemory } from '@ringlet/microkernel';
import { invariant, UserError } from '@ringlet/wire';
import { HIGH_RAM_START, type MemoryMap, type MemoryRange } from './memory-map.ts';

interface Placed extends MemoryRange {
  readonly what: string;
}

/** Places bytes, each under a name that errors can use. */
export class BootMemory {
  readonly #memory: GuestMemory;
  readonly #map: MemoryMap;
  readonly #placed: Placed[] = [];

  constructor(memory: GuestMemory, map: MemoryMap) {
    this.#memory = memory;
    this.#map = map;
  }

  /** What lies where. */
  get map(): MemoryMap {
    return this.#map;
  }

  /** Everything placed so far, in order of placement. */
  get placed(): readonly Placed[] {
    return this.#placed;
  }

  /** Sets `bytes` aside without writing, for what is filled later or by the guest. @throws as {@link place} */
  reserve(what: string, start: number, bytes: number): void {
    const end = start + bytes;
    if (!this.#map.ram.some((ram) => start >= ram.start && end <= ram.start + ram.bytes)) {
      throw new UserError(
        'memory-too-small',
        `${what} needs memory from ${hex(start)} to ${hex(end)}, which is not there`,
        {
          hint: 'Give the machine more memory.',
        },
      );
    }
    const other = this.#placed.find((placed) => start < placed.start + placed.bytes && placed.start < end);
    if (other !== undefined) {
      throw new UserError(
        'boot-overlap',
        `${what} would lie on ${other.what}, at ${hex(Math.max(start, other.start))}`,
        {
          hint: 'Give the machine more memory, or link the kernel to addresses from 1 MiB up.',
        },
      );
    }
    this.#placed.push({ what, start, bytes });
  }

  /**
   * Writes `data` at `start`, and zeros up to `bytes`.
   *
   * @throws UserError `memory-too-small` where there is no RAM, `boot-overlap` where something lies already
   */
  place(what: string, start: number, data: Uint8Array, bytes = data.length): void {
    this.reserve(what, start, bytes);
    this.write(start, data);
    const zeroed = this.#memory.fill(start + data.length, 0, bytes - data.length);
    invariant(zeroed, 'all RAM of a machine is mapped before its kernel is loaded');
  }

  /** Writes into what is set aside already. */
  write(start: number, data: Uint8Array): void {
    const inside = this.#placed.some(
      (placed) => start >= placed.start && start + data.length <= placed.start + placed.bytes,
    );
    invariant(inside, 'the loader writes only where it set memory aside');
    invariant(this.#memory.write(start, data), 'all RAM of a machine is mapped before its kernel is loaded');
  }

  /**
   * The highest page-aligned start for `bytes` of free RAM from 1 MiB up and below `below`.
   *
   * @returns -1 when there is no such place
   */
  highest(bytes: number, below: number): number {
    const taken = [...this.#placed].sort((a, b) => b.start - a.start);
    for (const ram of this.#map.ram.filter(({ start }) => start >= HIGH_RAM_START).reverse()) {
      let end = Math.min(ram.start + ram.bytes, below);
      for (const placed of [...taken, undefined]) {
        const floor = placed === undefined ? ram.start : Math.max(placed.start + placed.bytes, ram.start);
        const start = pageDown(end - bytes);
        if (start >= floor) return start;
        if (placed !== undefined) end = Math.min(end, placed.start);
      }
    }
    return -1;
  }
}

function pageDown(address: number): number {
  return Math.floor(address / 4096) * 4096;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}
