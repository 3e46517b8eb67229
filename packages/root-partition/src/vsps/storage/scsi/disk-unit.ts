/**
 * DiskUnit: a direct-access logical unit (SBC-3) in front of a disk.
 *
 * A read-only disk is one whose medium is write protected (mode parameter header, and DATA PROTECT for writes), never a
 * CD-ROM by device type: a guest would take it for a drive.
 */
import {
  be32,
  CACHING_WRITE_CACHE,
  CachingPage,
  CAPACITY_LBPME,
  CAPACITY_LBPRZ,
  cdbAddress,
  cdbBlocks,
  ControlPage,
  MODE_DPOFUA,
  MODE_WRITE_PROTECT,
  ModePage,
  PeripheralType,
  READ_CAPACITY_16,
  ReadCapacity10,
  ReadCapacity16,
  ScsiOp,
  Sense,
  VpdPage,
} from '@ringlet/protocols';
import { DiskOperation, type Disk } from '../../../backends/disk/disk.ts';
import { outside } from './block-range.ts';
import { unmap, verify, writeSame } from './block-sequences.ts';
import { blockLimitsPage, characteristicsPage, provisioningPage, standardInquiry } from './inquiry-data.ts';
import { LogicalUnit } from './logical-unit.ts';
import type { ModePageBytes } from './mode-data.ts';
import type { ScsiTask } from './task.ts';

const VPD_PAGES = [
  VpdPage.Supported,
  VpdPage.UnitSerialNumber,
  VpdPage.DeviceIdentification,
  VpdPage.BlockLimits,
  VpdPage.BlockCharacteristics,
  VpdPage.LogicalBlockProvisioning,
];

/** RDPROTECT and its like: protection information is not offered. */
const PROTECT_BITS = 0xe0;
const FUA_BIT = 0x08;

/** A hard disk. */
export class DiskUnit extends LogicalUnit {
  readonly peripheral = PeripheralType.DirectAccess;
  protected readonly product = 'Virtual Disk';
  protected readonly vpdPages = VPD_PAGES;
  readonly disk: Disk;
  readonly #maxTransferBlocks: number;

  /** @param maxTransferBytes - the most that one command moves; more is refused, and VPD B0h says so */
  constructor(disk: Disk, maxTransferBytes: number) {
    super();
    this.disk = disk;
    this.#maxTransferBlocks = Math.floor(maxTransferBytes / disk.sectorSize);
  }

  protected get id(): Uint8Array {
    return this.disk.id;
  }

  /** The disk has another size than before: each initiator is told once. */
  resized(): void {
    this.attentions.raise(Sense.CapacityDataChanged);
  }

  inspect(): Record<string, unknown> {
    return { type: 'disk', stopped: this.stopped, ...this.disk.inspect() };
  }

  protected override run(task: ScsiTask, opcode: number): void {
    switch (opcode) {
      case ScsiOp.Read10:
      case ScsiOp.Read16:
      case ScsiOp.Read6:
      case ScsiOp.Read12:
        return this.#transfer(task, DiskOperation.Read);
      case ScsiOp.Write10:
      case ScsiOp.Write16:
      case ScsiOp.Write6:
      case ScsiOp.Write12:
        return this.#transfer(task, DiskOperation.Write);
      case ScsiOp.SynchronizeCache10:
      case ScsiOp.SynchronizeCache16:
        return this.#synchronize(task);
      case ScsiOp.Unmap:
        return unmap(task, this.disk, this.notReady());
      case ScsiOp.WriteSame10:
      case ScsiOp.WriteSame16:
        return writeSame(task, this.disk, this.notReady());
      case ScsiOp.Verify10:
      case ScsiOp.Verify16:
        return verify(task, this.disk, this.notReady(), this.#maxTransferBlocks);
      case ScsiOp.ReadCapacity10:
        return this.#readCapacity10(task);
      case ScsiOp.ServiceActionIn16:
        if ((task.cdb[1]! & 0x1f) !== READ_CAPACITY_16) return task.fail(Sense.InvalidFieldInCdb);
        return this.#readCapacity16(task);
      case ScsiOp.StartStopUnit:
        return this.#startStop(task);
      case ScsiOp.PreventAllowMediumRemoval:
        // There is nothing to remove, and so nothing to prevent.
        return task.good();
      default:
        return this.primary(task, opcode);
    }
  }

  protected override vpdPage(page: number): Uint8Array | undefined {
    switch (page) {
      case VpdPage.BlockLimits:
        return blockLimitsPage(this.disk, this.#maxTransferBlocks);
      case VpdPage.BlockCharacteristics:
        return characteristicsPage();
      case VpdPage.LogicalBlockProvisioning:
        return provisioningPage(this.disk);
      default:
        return super.vpdPage(page);
    }
  }

  protected override inquiryData(): Uint8Array {
    return standardInquiry(this.peripheral, this.product);
  }

  protected override modePages(): readonly ModePageBytes[] {
    return [CACHING_PAGE, CONTROL_PAGE];
  }

  protected override deviceSpecific(): number {
    return MODE_DPOFUA | (this.disk.readOnly ? MODE_WRITE_PROTECT : 0);
  }

  protected override notReady(): number {
    return this.stopped ? Sense.NotReadyStopped : Sense.None;
  }

  /** READ and WRITE of every size. Allocates nothing: the task is the disk's request. */
  #transfer(task: ScsiTask, operation: number): void {
    const { cdb } = task;
    const disk = this.disk;
    const sector = cdbAddress(cdb);
    const count = cdbBlocks(cdb);
    const length = count * disk.sectorSize;
    // Byte 1 of the six-byte forms belongs to the address.
    const flags = cdb[0]! < 0x20 ? 0 : cdb[1]!;
    if (this.stopped) return task.fail(Sense.NotReadyStopped);
    if ((flags & PROTECT_BITS) !== 0) return task.fail(Sense.InvalidFieldInCdb);
    if (outside(disk.sectorCount, sector, count)) return task.fail(Sense.LbaOutOfRange);
    if (operation === DiskOperation.Write && disk.readOnly) return task.fail(Sense.WriteProtected);
    // SBC-3: a transfer length of zero is not an error.
    if (count === 0) return task.good();
    if (count > this.#maxTransferBlocks) return task.fail(Sense.InvalidFieldInCdb);
    if (length > task.bufferLength) return task.fail(Sense.LbaOutOfRange);
    if (!(operation === DiskOperation.Read ? task.canReply : task.canReceive)) {
      return task.fail(Sense.InvalidFieldInCdb);
    }
    if (length < task.bufferLength) task.trim(length);
    task.operation = operation;
    task.sector = sector;
    task.count = count;
    task.forceUnitAccess = (flags & FUA_BIT) !== 0;
    disk.submit(task);
  }

  #synchronize(task: ScsiTask): void {
    if (this.stopped) return task.fail(Sense.NotReadyStopped);
    if (outside(this.disk.sectorCount, cdbAddress(task.cdb), cdbBlocks(task.cdb)))
      return task.fail(Sense.LbaOutOfRange);
    task.operation = DiskOperation.Flush;
    this.disk.submit(task);
  }

  #readCapacity10(task: ScsiTask): void {
    const last = this.disk.sectorCount - 1;
    task.reply(
      ReadCapacity10.encode({ lastBlock: Math.min(last, 0xffff_ffff), blockLength: this.disk.sectorSize }),
      ReadCapacity10.size,
    );
  }

  #readCapacity16(task: ScsiTask): void {
    const { disk } = this;
    const thin = disk.unmapGranularity > 0;
    const data = ReadCapacity16.encode({
      lastBlock: BigInt(disk.sectorCount - 1),
      blockLength: disk.sectorSize,
      protection: 0,
      physicalExponent: Math.log2(disk.physicalSectorSize / disk.sectorSize),
      provisioning: thin ? CAPACITY_LBPME | (disk.unmapReadsZero ? CAPACITY_LBPRZ : 0) : 0,
    });
    task.reply(data, be32(task.cdb, 10));
  }

  #startStop(task: ScsiTask): void {
    // POWER CONDITION, and LOEJ: neither power states nor a tray.
    if (task.cdb[4]! >> 4 !== 0 || (task.cdb[4]! & 0x02) !== 0) return task.fail(Sense.InvalidFieldInCdb);
    this.stopped = (task.cdb[4]! & 0x01) === 0;
    if (!this.stopped) return task.good();
    task.operation = DiskOperation.Flush;
    this.disk.submit(task);
  }
}

const CACHING_PAGE = CachingPage.encode({
  page: ModePage.Caching,
  length: CachingPage.size - 2,
  // Writes may wait in the host's cache: guests must flush.
  flags: CACHING_WRITE_CACHE,
  retention: 0,
  disablePrefetchLength: 0,
  minimumPrefetch: 0,
  maximumPrefetch: 0,
  maximumPrefetchCeiling: 0,
  moreFlags: 0,
  segments: 0,
  segmentSize: 0,
});

const CONTROL_PAGE = ControlPage.encode({
  page: ModePage.Control,
  length: ControlPage.size - 2,
  flags2: 0,
  queueing: 0x10,
  flags4: 0,
  flags5: 0,
  busyTimeout: 0xffff,
  selfTestTime: 0,
});
