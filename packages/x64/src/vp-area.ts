/**
 * The memory that the core needs for one VP, in system pages that no partition maps.
 *
 *     offset      what
 *     0x00000     state block, then the ring of code changes (2 pages)
 *     0x02000     TLB of user mode, 4096 × 32 bytes
 *     0x22000     TLB of supervisor mode
 *     0x42000     lists of filled entries, 4096 × 4 bytes each
 *     0x4a000     jump cache, 4096 × 16 bytes
 *     0x5a000     hash of pages with code, 4096 × 4 bytes
 *     0x5e000     counts of opcodes that there are not, 1024 × 4 bytes
 *     0x60000     user TLBs and lists of the other contexts: 128 KiB and 16 KiB each
 *     0xcc000     decode arena, to the end
 */
import { PHYSICAL_ADDRESS_BITS } from '@ringlet/microkernel';
import * as State from './state.ts';

const PAGE = 0x1000;
const TLB_BYTES = 4096 * 32;
const OFFSETS = {
  drops: 0x01000,
  tlbUser: 0x02000,
  tlbSupervisor: 0x22000,
  filledUser: 0x42000,
  filledSupervisor: 0x46000,
  jumpCache: 0x4a000,
  blockHash: 0x5a000,
  unimplemented: 0x5e000,
  contexts: 0x60000,
  arena: 0x60000 + 3 * 0x24000,
} as const;
const HASH_ENTRIES = 4096;
const CONTEXT_BYTES = 0x24000;

/** Bytes of a VP's area with a decode arena of `arenaBytes`. */
export function vpAreaBytes(arenaBytes: number): number {
  return OFFSETS.arena + Math.ceil(arenaBytes / PAGE) * PAGE;
}

/** What all VPs of a partition share. Addresses are offsets in the node. */
export interface SharedTables {
  /** The partition's second-level table and the number of its entries. */
  readonly slat: number;
  /** Guest pages that the second-level table covers. */
  readonly slatPages: number;
  /** 8 bytes for each system page of the node, zero at first; all partitions of the node may share it. */
  readonly codeMasks: number;
  /** One word for each VP: the address of its area. */
  readonly vpTable: number;
  /** VPs of the partition. */
  readonly vpCount: number;
  /** One word. */
  readonly busLock: number;
}

/**
 * Prepares a VP's area: tables empty, pointers set, everything else zero. Architectural registers are the caller's. What a
 * debugger has left there stays: it goes on debugging a VP that is reset.
 *
 * @param buffer - the node
 * @param base - address of the area, page-aligned
 */
export function prepareVpArea(
  buffer: SharedArrayBuffer,
  base: number,
  arenaBytes: number,
  shared: SharedTables,
  index = 0,
): void {
  const debug = new Int32Array(buffer, base + State.DEBUG_TABLE, (State.DEBUG_EXACT - State.DEBUG_TABLE) / 4 + 1);
  const debugged = debug.slice();
  new Uint8Array(buffer, base, OFFSETS.arena).fill(0);
  debug.set(debugged);
  emptyTlb(buffer, base + OFFSETS.tlbUser);
  emptyTlb(buffer, base + OFFSETS.tlbSupervisor);
  const words = new Int32Array(buffer, base, State.STATE_SIZE / 4);
  const set = (offset: number, value: number): void => void (words[offset >> 2] = value);
  set(State.TLB_USER, base + OFFSETS.tlbUser);
  set(State.TLB_SUPERVISOR, base + OFFSETS.tlbSupervisor);
  set(State.TLB_CURRENT, base + OFFSETS.tlbSupervisor);
  for (let context = 0; context < State.CONTEXT_COUNT; context++) {
    const record = State.CONTEXTS + context * State.CONTEXT_SIZE;
    const more = base + OFFSETS.contexts + (context - 1) * CONTEXT_BYTES;
    const tlb = context === 0 ? base + OFFSETS.tlbUser : more;
    if (context > 0) emptyTlb(buffer, tlb);
    set(record + State.CONTEXT_TLB, tlb);
    set(record + State.CONTEXT_LIST, context === 0 ? base + OFFSETS.filledUser : more + TLB_BYTES);
    set(record + State.CONTEXT_PCID, context === 0 ? 0 : State.CONTEXT_UNUSED);
  }
  set(State.CONTEXT_CURRENT, State.CONTEXTS);
  set(State.EPOCH_LAST, 2);
  set(State.EPOCH_USER, 1);
  set(State.EPOCH_KERNEL, 2);
  set(State.TLB_ENTRIES, 4096);
  set(State.TLB_FILLED_USER, base + OFFSETS.filledUser);
  set(State.TLB_FILLED_SUPERVISOR, base + OFFSETS.filledSupervisor);
  set(State.JUMP_CACHE, base + OFFSETS.jumpCache);
  set(State.BLOCK_HASH, base + OFFSETS.blockHash);
  set(State.UNIMPLEMENTED, base + OFFSETS.unimplemented);
  set(State.BLOCK_HASH_MASK, HASH_ENTRIES - 1);
  set(State.ARENA, base + OFFSETS.arena);
  set(State.ARENA_END, base + vpAreaBytes(arenaBytes));
  set(State.ARENA_NEXT, base + OFFSETS.arena + 0x100);
  set(State.CODE_DROPS, base + OFFSETS.drops);
  set(State.CODE_EPOCH, 2);
  set(State.SLAT_TABLE, shared.slat);
  set(State.SLAT_PAGES, shared.slatPages);
  set(State.CODE_MASKS, shared.codeMasks);
  set(State.VP_TABLE, shared.vpTable);
  set(State.VP_COUNT, shared.vpCount);
  set(State.VP_INDEX, index);
  set(State.BUS_LOCK, shared.busLock);
  set(State.PHYSICAL_WIDTH, PHYSICAL_ADDRESS_BITS);
  set(State.INJECT_VECTOR, -1);
  set(State.DELIVERING, -1);
  set(State.FAULT_VECTOR, -1);
  set(State.FLAG_SYSTEM, 2);
  set(State.FLAG_RESULT, 1);
  set(State.MXCSR, 0x1f80);
}

/** Makes a TLB of which no entry serves any address. */
function emptyTlb(buffer: SharedArrayBuffer, at: number): void {
  const words = new Uint32Array(buffer, at, TLB_BYTES / 4).fill(0xffffffff);
  for (let word = 7; word < words.length; word += 8) words[word] = 0;
}
