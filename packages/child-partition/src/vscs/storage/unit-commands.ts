/** UnitCommands: the commands that find out what a unit is, one at a time, with a page of the guest's memory for answers. */
import { PAGE_SIZE } from '@ringlet/microkernel';
import { be16, be32, be64, DataDirection, ScsiOp } from '@ringlet/protocols';
import { statusOf } from './lane.ts';
import type { RequestLanes } from './request-lanes.ts';
import type { Slot, SlotKeeper, SlotOwner, UnitAddress } from './slot.ts';
import { BlockStatus } from './storage-error.ts';

/** How a command ended. */
export interface CommandOutcome {
  /** {@link BlockStatus} or sense data. A command that moved less than it could is `Ok`. */
  readonly status: number;
  /** What came back. */
  readonly data: Uint8Array;
}

/** Runs commands. */
export class UnitCommands implements SlotOwner {
  readonly #lanes: RequestLanes;
  readonly #gpa: number;
  /** The one command that runs. */
  #outcome: ((outcome: CommandOutcome) => void) | undefined;

  /** @param page - a guest page of the driver's own, for data */
  constructor(lanes: RequestLanes, page: number) {
    this.#lanes = lanes;
    this.#gpa = page * PAGE_SIZE;
  }

  /** Standard INQUIRY data, at most `length` bytes. */
  inquiry(address: UnitAddress, length: number): Promise<CommandOutcome> {
    return this.#run(address, [ScsiOp.Inquiry, 0, 0, length >> 8, length & 0xff, 0], length);
  }

  /** A VPD page, without its header; `undefined` when the unit has none such. */
  async vitalPage(address: UnitAddress, page: number): Promise<Uint8Array | undefined> {
    const length = 0xff;
    const { status, data } = await this.#run(address, [ScsiOp.Inquiry, 1, page, 0, length, 0], length);
    // Some drivers make errors of INQUIRY look like success: only the data tells.
    if (status !== BlockStatus.Ok || data.length < 4 || data[1] !== page) return undefined;
    return data.slice(4, Math.min(data.length, 4 + be16(data, 2)));
  }

  /** LUNs of a target, below 256; `undefined` when it does not tell. */
  async reportLuns(address: UnitAddress): Promise<number[] | undefined> {
    const length = PAGE_SIZE;
    const cdb = [ScsiOp.ReportLuns, 0, 0, 0, 0, 0, 0, 0, length >> 8, length & 0xff, 0, 0];
    const { status, data } = await this.#run(address, cdb, length);
    if (status !== BlockStatus.Ok || data.length < 8) return undefined;
    const entries = Math.min(be32(data, 0), data.length - 8) >> 3;
    return Array.from({ length: entries }, (_, i) => 8 + 8 * i)
      .filter((at) => data[at] === 0)
      .map((at) => data[at + 1]!);
  }

  /** TEST UNIT READY. @returns {@link BlockStatus} or sense data */
  async testReady(address: UnitAddress): Promise<number> {
    return (await this.#run(address, [ScsiOp.TestUnitReady, 0, 0, 0, 0, 0], 0)).status;
  }

  /** Sectors and their size; `undefined` without a medium. */
  async capacity(address: UnitAddress): Promise<{ sectorCount: number; sectorSize: number } | undefined> {
    const long = Array.from({ length: 16 }, () => 0);
    long[0] = ScsiOp.ServiceActionIn16;
    long[1] = 0x10;
    long[13] = 32;
    const sixteen = await this.#run(address, long, 32);
    if (sixteen.status === BlockStatus.Ok && sixteen.data.length >= 12) {
      return { sectorCount: be64(sixteen.data, 0) + 1, sectorSize: be32(sixteen.data, 8) };
    }
    const ten = await this.#run(address, [ScsiOp.ReadCapacity10, 0, 0, 0, 0, 0, 0, 0, 0, 0], 8);
    if (ten.status !== BlockStatus.Ok || ten.data.length < 8) return undefined;
    return { sectorCount: be32(ten.data, 0) + 1, sectorSize: be32(ten.data, 4) };
  }

  /** MODE SENSE (6) of one page: header and page. */
  async modePage(address: UnitAddress, page: number): Promise<Uint8Array | undefined> {
    const { status, data } = await this.#run(address, [ScsiOp.ModeSense6, 0, page, 0, 0xff, 0], 0xff);
    return status === BlockStatus.Ok && data.length >= 4 ? data : undefined;
  }

  ended(slot: Slot, lane: SlotKeeper): void {
    const status = statusOf(slot);
    // Answers are as long as they are: fewer bytes than there was room for is no failure.
    const short = status === BlockStatus.Failed && slot.sense === 0 && slot.scsiStatus === 0 && slot.srbStatus === 1;
    const data = new Uint8Array(slot.transferred);
    this.#lanes.guest.memory.read(this.#gpa, data);
    lane.release(slot);
    const outcome = this.#outcome;
    this.#outcome = undefined;
    outcome?.({ status: short ? BlockStatus.Ok : status, data });
  }

  #run(address: UnitAddress, cdb: readonly number[], length: number): Promise<CommandOutcome> {
    return new Promise((resolve) => {
      const tryNow = (): void => {
        if (this.#lanes.isClosed) return resolve({ status: BlockStatus.Gone, data: new Uint8Array(0) });
        const lane = this.#lanes.pick();
        const slot = lane?.take();
        if (lane === undefined || slot === undefined) return this.#lanes.whenReady(tryNow);
        slot.cdb.fill(0);
        slot.cdb.set(cdb);
        slot.prepare(address, cdb.length, length === 0 ? DataDirection.Unknown : DataDirection.In, length);
        slot.owner = this;
        slot.offset = this.#gpa;
        this.#outcome = resolve;
        if (lane.send(slot)) return;
        this.#outcome = undefined;
        lane.release(slot);
        this.#lanes.whenReady(tryNow);
      };
      tryNow();
    });
  }
}
