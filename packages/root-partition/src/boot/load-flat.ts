/** Loads a flat binary: bytes at an address, and nothing around them that its mode does not need. For tests and boot sectors. */
import { invariant, UserError } from '@ringlet/wire';
import type { BootMemory } from './boot-memory.ts';
import { longEntry, protectedEntry, realEntry, type EntryState } from './entry-state.ts';
import { placeDescriptorTable, placeIdentityMap } from './first-tables.ts';
import { STACK_TOP } from './memory-map.ts';

/** Where a flat binary goes, and how it starts: at its first byte, in this mode. */
export interface FlatBinary {
  /** Guest-physical address of its first byte. */
  readonly address: number;
  /** Mode of the processor at its first instruction. */
  readonly mode: EntryState['mode'];
}

/** A boot sector's stack grows down from its own start. */
const REAL_STACK_TOP = 0x7c00;
const REAL_LIMIT = 0x1_0000;

/** Loads it. */
export function loadFlat(memory: BootMemory, data: Uint8Array, { address, mode }: FlatBinary): EntryState {
  if (!Number.isSafeInteger(address) || address < 0) {
    throw new UserError('kernel-address', `${address} is not an address`, { hint: 'Give one such as 0x100000.' });
  }
  memory.place('the kernel', address, data);
  switch (mode) {
    case 'real':
      if (address >= REAL_LIMIT) {
        throw new UserError('kernel-address', 'real mode starts below 64 KiB', { hint: 'Use 0x7c00.' });
      }
      return realEntry(address, REAL_STACK_TOP);
    case 'protected':
      return protectedEntry({
        rip: address,
        registers: { rsp: STACK_TOP },
        descriptorTable: placeDescriptorTable(memory, 32),
      });
    case 'long': {
      const descriptorTable = placeDescriptorTable(memory, 64);
      const pageTables = placeIdentityMap(memory);
      return longEntry({ rip: address, rsi: 0, rsp: STACK_TOP, pageTables, descriptorTable });
    }
    default:
      invariant(false, 'an entry mode is one of three');
  }
}
