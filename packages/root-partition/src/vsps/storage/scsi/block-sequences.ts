/**
 * Block commands that take more than one disk request, or memory beside the initiator's: UNMAP, WRITE SAME, VERIFY
 * (SBC-3 5.28, 5.44, 5.31). Rare next to reads and writes, so each makes its own request object and buffer.
 *
 * Each is a list of steps over one disk request; a step that completes at once continues in a loop, not in depth.
 */
import {
  be16,
  be32,
  be64,
  cdbAddress,
  cdbBlocks,
  ScsiOp,
  Sense,
  UnmapDescriptor,
  UnmapHeader,
} from '@ringlet/protocols';
import { DiskOperation, DiskStatus, type Disk, type DiskRequest } from '../../../backends/disk/disk.ts';
import { outside } from './block-range.ts';
import { MAX_UNMAP_DESCRIPTORS, MAX_WRITE_SAME_BLOCKS } from './inquiry-data.ts';
import type { ScsiTask } from './task.ts';

/** Bytes of a repeated pattern that one disk request writes. */
const PATTERN_BYTES = 0x1_0000;

const PROTECT_BITS = 0xe0;
const ANCHOR_BIT = 0x10;
/** WRITE SAME (16): no data-out buffer, the block is all zeroes. */
const NDOB_BIT = 0x01;

/** A run of blocks. */
interface BlockRun {
  readonly sector: number;
  readonly count: number;
}

/** UNMAP: tells the disk that runs of blocks are no longer needed. */
export function unmap(task: ScsiTask, disk: Disk, notReady: number): void {
  if (disk.unmapGranularity === 0) return task.fail(Sense.InvalidOperationCode);
  if (notReady !== Sense.None) return task.fail(notReady);
  if ((task.cdb[1]! & 0x01) !== 0) return task.fail(Sense.InvalidFieldInCdb);
  if (disk.readOnly) return task.fail(Sense.WriteProtected);
  const length = be16(task.cdb, 7);
  if (length === 0) return task.good();
  const list = length < UnmapHeader.size ? undefined : task.receive(length);
  if (list === undefined) return task.fail(Sense.ParameterListLength);
  const wanted = Math.floor(be16(list, UnmapHeader.at.descriptorsLength) / UnmapDescriptor.size);
  const present = Math.floor((length - UnmapHeader.size) / UnmapDescriptor.size);
  const descriptors = Math.min(wanted, present);
  if (descriptors > MAX_UNMAP_DESCRIPTORS) return task.fail(Sense.InvalidFieldInParameterList);
  const runs: BlockRun[] = [];
  for (let i = 0; i < descriptors; i++) {
    const at = UnmapHeader.size + i * UnmapDescriptor.size;
    const sector = be64(list, at + UnmapDescriptor.at.block);
    const count = be32(list, at + UnmapDescriptor.at.blocks);
    if (outside(disk.sectorCount, sector, count)) return task.fail(Sense.LbaOutOfRange);
    if (count > 0) runs.push({ sector, count });
  }
  new BlockSequence(task, disk, DiskOperation.Unmap, runs, NO_BYTES, length).proceed();
}

/**
 * WRITE SAME: one block, again and again. Zeroes become one request that the disk may serve by freeing the blocks,
 * with the UNMAP bit or without: they read as zeroes either way.
 */
export function writeSame(task: ScsiTask, disk: Disk, notReady: number): void {
  const { cdb } = task;
  const sector = cdbAddress(cdb);
  const count = cdbBlocks(cdb);
  const noBuffer = cdb[0] === ScsiOp.WriteSame16 && (cdb[1]! & NDOB_BIT) !== 0;
  if (notReady !== Sense.None) return task.fail(notReady);
  if ((cdb[1]! & (PROTECT_BITS | ANCHOR_BIT)) !== 0) return task.fail(Sense.InvalidFieldInCdb);
  // WSNZ is set: zero blocks does not mean "to the end" here.
  if (count === 0 || count > MAX_WRITE_SAME_BLOCKS) return task.fail(Sense.InvalidFieldInCdb);
  if (outside(disk.sectorCount, sector, count)) return task.fail(Sense.LbaOutOfRange);
  if (disk.readOnly) return task.fail(Sense.WriteProtected);
  const block = noBuffer ? NO_BYTES : task.receive(disk.sectorSize);
  if (block === undefined) return task.fail(Sense.InvalidFieldInCdb);
  if (block.every((byte) => byte === 0)) {
    new BlockSequence(task, disk, DiskOperation.WriteZeroes, [{ sector, count }], NO_BYTES, block.length).proceed();
    return;
  }
  const blocksAtOnce = Math.min(count, PATTERN_BYTES / disk.sectorSize);
  const pattern = new Uint8Array(blocksAtOnce * disk.sectorSize);
  for (let at = 0; at < pattern.length; at += block.length) pattern.set(block, at);
  const runs: BlockRun[] = [];
  for (let done = 0; done < count; done += blocksAtOnce) {
    runs.push({ sector: sector + done, count: Math.min(blocksAtOnce, count - done) });
  }
  new BlockSequence(task, disk, DiskOperation.Write, runs, pattern, block.length).proceed();
}

/** VERIFY: really reads the blocks; with BYTCHK it compares them with the initiator's data. */
export function verify(task: ScsiTask, disk: Disk, notReady: number, maxBlocks: number): void {
  const { cdb } = task;
  const sector = cdbAddress(cdb);
  const count = cdbBlocks(cdb);
  const compare = (cdb[1]! >> 1) & 0x3;
  if (notReady !== Sense.None) return task.fail(notReady);
  if ((cdb[1]! & PROTECT_BITS) !== 0 || compare > 1) return task.fail(Sense.InvalidFieldInCdb);
  if (outside(disk.sectorCount, sector, count)) return task.fail(Sense.LbaOutOfRange);
  if (count > maxBlocks) return task.fail(Sense.InvalidFieldInCdb);
  if (count === 0) return task.good();
  const length = count * disk.sectorSize;
  const expected = compare === 1 ? task.receive(length) : undefined;
  if (compare === 1 && expected === undefined) return task.fail(Sense.InvalidFieldInCdb);
  const found = new Uint8Array(length);
  new BlockSequence(task, disk, DiskOperation.Read, [{ sector, count }], found, 0, () => {
    const same = expected === undefined || expected.every((byte, i) => byte === found[i]);
    if (same) task.good(expected?.length ?? 0);
    else task.fail(Sense.Miscompare);
  }).proceed();
}

const NO_BYTES = new Uint8Array(0);

/** Sends one disk request after the other, then ends the task; the first failure ends it too. */
class BlockSequence implements DiskRequest {
  readonly operation: number;
  sector = 0;
  count = 0;
  readonly forceUnitAccess = false;
  readonly bytes: Uint8Array;
  runCount = 0;
  readonly runOffset = new Float64Array(1);
  readonly runLength = new Float64Array(1);

  readonly #task: ScsiTask;
  readonly #disk: Disk;
  readonly #runs: readonly BlockRun[];
  readonly #transferred: number;
  readonly #whenDone: (() => void) | undefined;
  #next = 0;
  #proceeding = false;
  #failed = false;

  /**
   * @param bytes - the memory of each request, from its start; empty when the operation moves none
   * @param transferred - bytes that the initiator gave, reported when all went well
   * @param whenDone - ends the task instead, when all went well
   */
  constructor(
    task: ScsiTask,
    disk: Disk,
    operation: number,
    runs: readonly BlockRun[],
    bytes: Uint8Array,
    transferred: number,
    whenDone?: () => void,
  ) {
    this.#task = task;
    this.#disk = disk;
    this.operation = operation;
    this.#runs = runs;
    this.bytes = bytes;
    this.#transferred = transferred;
    this.#whenDone = whenDone;
  }

  proceed(): void {
    // A disk that answers at once calls back in here: the loop below continues, the stack does not grow.
    if (this.#proceeding) return;
    this.#proceeding = true;
    for (let waiting = false; !waiting && !this.#failed;) {
      const at = this.#next;
      const run = this.#runs[at];
      if (run === undefined) {
        if (this.#whenDone === undefined) this.#task.good(this.#transferred);
        else this.#whenDone();
        return;
      }
      this.#submit(run);
      waiting = this.#next === at;
    }
    this.#proceeding = false;
  }

  complete(status: number): void {
    if (status === DiskStatus.Ok) {
      this.#next++;
      this.proceed();
    } else {
      this.#failed = true;
      this.#task.failDisk(status, this.operation);
    }
  }

  #submit(run: BlockRun): void {
    this.sector = run.sector;
    this.count = run.count;
    this.runCount = this.bytes.length === 0 ? 0 : 1;
    this.runLength[0] = this.bytes.length === 0 ? 0 : run.count * this.#disk.sectorSize;
    this.#disk.submit(this);
  }
}
