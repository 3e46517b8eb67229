/** BlockRequests: from "read these sectors there" to a slot on its way, without allocation. One for all units. */
import { DataDirection, putTransferCdb, ScsiOp } from '@ringlet/protocols';
import { type Lane, statusOf } from './lane.ts';
import type { RequestLanes } from './request-lanes.ts';
import type { Slot, SlotKeeper, SlotOwner, UnitAddress } from './slot.ts';

/** What can be asked of a block device without allocation. */
export const BlockOperation = { Read: 0, Write: 1, Flush: 2 } as const;

/** Told how a request ended: `BlockStatus` or sense data, and the tag it was submitted with. */
export type BlockDone = (status: number, tag: number) => void;

/** The memory of a request: page numbers and an offset in the first one, or no pages and a guest physical address. */
export type BlockPages = ArrayLike<number> | undefined;

/** Sends block commands and tells their callers. */
export class BlockRequests implements SlotOwner {
  readonly lanes: RequestLanes;

  constructor(lanes: RequestLanes) {
    this.lanes = lanes;
  }

  /** Sends a read, write or flush. @returns false when there is no room now: nothing was sent */
  submit(
    address: UnitAddress,
    operation: number,
    sector: number,
    count: number,
    length: number,
    pages: BlockPages,
    offset: number,
    done: BlockDone,
    tag: number,
  ): boolean {
    const lane = this.lanes.pick();
    const slot = lane?.take();
    if (lane === undefined || slot === undefined) return false;
    if (operation === BlockOperation.Flush) {
      slot.cdb.fill(0);
      slot.cdb[0] = ScsiOp.SynchronizeCache10;
      slot.prepare(address, 10, DataDirection.Unknown, 0);
    } else {
      const write = operation === BlockOperation.Write;
      const size = putTransferCdb(slot.cdb, write, sector, count, false);
      slot.prepare(address, size, write ? DataDirection.Out : DataDirection.In, length);
    }
    return this.#send(lane, slot, pages, offset, done, tag);
  }

  /** Sends a command that gives the unit `length` bytes at `gpa`. @returns false when there is no room now */
  give(address: UnitAddress, cdb: Uint8Array, gpa: number, length: number, done: BlockDone): boolean {
    const lane = this.lanes.pick();
    const slot = lane?.take();
    if (lane === undefined || slot === undefined) return false;
    slot.cdb.fill(0);
    slot.cdb.set(cdb);
    slot.prepare(address, cdb.length, DataDirection.Out, length);
    return this.#send(lane, slot, undefined, gpa, done, 0);
  }

  ended(slot: Slot, lane: SlotKeeper): void {
    const status = statusOf(slot);
    const { callback, tag } = slot;
    // Free before the caller knows: it may send the next request from its callback.
    lane.release(slot);
    callback?.(status, tag);
  }

  #send(lane: Lane, slot: Slot, pages: BlockPages, offset: number, done: BlockDone, tag: number): boolean {
    slot.owner = this;
    slot.callback = done;
    slot.tag = tag;
    slot.pages = pages;
    slot.offset = offset;
    if (lane.send(slot)) return true;
    lane.release(slot);
    return false;
  }
}
