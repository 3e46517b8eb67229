/**
 * DvdUnit: a DVD-ROM drive (MMC-6) with a tray: empty, or holding a disk that is an ISO image.
 *
 * A changed medium is told twice, as guests look for it in both places: a unit attention before the next command, and
 * a media event for those who poll GET EVENT STATUS NOTIFICATION.
 */
import {
  be16,
  cdbAddress,
  cdbBlocks,
  MediaEvent,
  PeripheralType,
  ReadCapacity10,
  ScsiOp,
  Sense,
  VpdPage,
} from '@ringlet/protocols';
import { invariant } from '@ringlet/wire';
import { DiskOperation, type Disk } from '../../../backends/disk/disk.ts';
import { outside } from './block-range.ts';
import {
  capabilitiesPage,
  configuration,
  discInformation,
  DVD_BLOCK_SIZE,
  dvdStructure,
  eventStatus,
  mechanismStatus,
  tableOfContents,
  trackInformation,
} from './dvd-data.ts';
import { standardInquiry } from './inquiry-data.ts';
import { LogicalUnit, type LogicalUnitState } from './logical-unit.ts';
import type { ModePageBytes } from './mode-data.ts';
import { Touches } from './reservations.ts';
import type { ScsiTask } from './task.ts';

const VPD_PAGES = [VpdPage.Supported, VpdPage.UnitSerialNumber, VpdPage.DeviceIdentification];

/** What a drive keeps, as plain data. */
export interface DvdUnitState extends LogicalUnitState {
  readonly event: number;
  readonly open: boolean;
  readonly locked: boolean;
}

/** A DVD drive. */
export class DvdUnit extends LogicalUnit {
  readonly peripheral = PeripheralType.CdDvd;
  protected readonly product = 'Virtual DVD-ROM';
  protected readonly vpdPages = VPD_PAGES;
  protected readonly id: Uint8Array;
  readonly #maxTransferBlocks: number;
  #disk: Disk | undefined;
  #event: number = MediaEvent.None;
  #open = false;
  #locked = false;

  /**
   * @param id - identity of the drive, 16 bytes: it stays while media come and go
   * @param maxTransferBytes - the most that one command moves
   */
  constructor(id: Uint8Array, maxTransferBytes: number, disk?: Disk) {
    super();
    this.id = id;
    this.#maxTransferBlocks = Math.floor(maxTransferBytes / DVD_BLOCK_SIZE);
    this.#disk = checked(disk);
  }

  /** The medium in the drive, whether or not the tray is open. */
  get disk(): Disk | undefined {
    return this.#disk;
  }

  /** Puts a medium in and closes the tray, or takes it out with `undefined`; whether or not the guest locked the tray. */
  change(disk: Disk | undefined): void {
    this.#disk = checked(disk);
    this.#open = false;
    this.#event = disk === undefined ? MediaEvent.MediaRemoval : MediaEvent.NewMedia;
    if (disk !== undefined) this.attentions.raise(Sense.MediumMayHaveChanged);
  }

  override reset(condition: typeof Sense.ScsiBusReset | typeof Sense.BusDeviceReset): void {
    super.reset(condition);
    this.#locked = false;
  }

  override powerUp(): void {
    super.powerUp();
    this.#locked = false;
    this.#event = MediaEvent.None;
  }

  override save(): DvdUnitState {
    return { ...super.save(), event: this.#event, open: this.#open, locked: this.#locked };
  }

  override restore(state: LogicalUnitState & Partial<DvdUnitState>): void {
    super.restore(state);
    this.#event = state.event ?? MediaEvent.None;
    this.#open = state.open ?? false;
    this.#locked = state.locked ?? false;
  }

  inspect(): Record<string, unknown> {
    const medium = this.#disk?.inspect() ?? null;
    return { type: 'dvd', open: this.#open, locked: this.#locked, stopped: this.stopped, medium };
  }

  protected override run(task: ScsiTask, opcode: number): void {
    switch (opcode) {
      case ScsiOp.Read10:
      case ScsiOp.Read12:
        return this.#read(task);
      case ScsiOp.ReadCapacity10:
        return this.#readCapacity(task);
      case ScsiOp.ReadToc:
        return this.#fromDisc(task, be16(task.cdb, 7), tableOfContents);
      case ScsiOp.ReadDiscInformation:
        return this.#fromDisc(task, be16(task.cdb, 7), discInformation);
      case ScsiOp.ReadTrackInformation:
        return this.#fromDisc(task, be16(task.cdb, 7), trackInformation);
      case ScsiOp.ReadDvdStructure:
        return this.#fromDisc(task, be16(task.cdb, 8), dvdStructure);
      case ScsiOp.GetConfiguration:
        return answer(task, configuration(task.cdb, this.#present), be16(task.cdb, 7));
      case ScsiOp.GetEventStatusNotification:
        return this.#getEventStatus(task);
      case ScsiOp.MechanismStatus:
        return task.reply(mechanismStatus(this.#open), be16(task.cdb, 8));
      case ScsiOp.StartStopUnit:
        return this.#startStop(task);
      case ScsiOp.PreventAllowMediumRemoval:
        this.#locked = (task.cdb[4]! & 0x01) !== 0;
        return task.good();
      default:
        return this.primary(task, opcode);
    }
  }

  protected override ignoresAttentions(opcode: number): boolean {
    return (
      opcode === ScsiOp.GetConfiguration ||
      opcode === ScsiOp.GetEventStatusNotification ||
      super.ignoresAttentions(opcode)
    );
  }

  protected override touches(task: ScsiTask): number {
    const opcode = task.cdb[0];
    const asks = opcode === ScsiOp.GetConfiguration || opcode === ScsiOp.GetEventStatusNotification;
    return asks ? Touches.Nothing : super.touches(task);
  }

  protected override inquiryData(): Uint8Array {
    return standardInquiry(this.peripheral, this.product);
  }

  protected override modePages(): readonly ModePageBytes[] {
    return [capabilitiesPage(this.#locked)];
  }

  protected override deviceSpecific(): number {
    return 0;
  }

  protected override notReady(): number {
    if (this.#open) return Sense.MediumNotPresentTrayOpen;
    if (this.#disk === undefined) return Sense.MediumNotPresent;
    return Sense.None;
  }

  get #present(): boolean {
    return this.#disk !== undefined && !this.#open;
  }

  #blocks(disk: Disk): number {
    return Math.floor((disk.sectorCount * disk.sectorSize) / DVD_BLOCK_SIZE);
  }

  #read(task: ScsiTask): void {
    const reason = this.notReady();
    const disk = this.#disk;
    if (reason !== Sense.None || disk === undefined) return task.fail(reason);
    const block = cdbAddress(task.cdb);
    const count = cdbBlocks(task.cdb);
    const length = count * DVD_BLOCK_SIZE;
    if (outside(this.#blocks(disk), block, count)) return task.fail(Sense.LbaOutOfRange);
    if (count === 0) return task.good();
    if (count > this.#maxTransferBlocks) return task.fail(Sense.InvalidFieldInCdb);
    if (length > task.bufferLength) return task.fail(Sense.LbaOutOfRange);
    if (!task.canReply) return task.fail(Sense.InvalidFieldInCdb);
    if (length < task.bufferLength) task.trim(length);
    const ratio = DVD_BLOCK_SIZE / disk.sectorSize;
    task.operation = DiskOperation.Read;
    task.sector = block * ratio;
    task.count = count * ratio;
    disk.submit(task);
  }

  #readCapacity(task: ScsiTask): void {
    const reason = this.notReady();
    if (reason !== Sense.None || this.#disk === undefined) return task.fail(reason);
    const lastBlock = Math.min(this.#blocks(this.#disk) - 1, 0xffff_ffff);
    task.reply(ReadCapacity10.encode({ lastBlock, blockLength: DVD_BLOCK_SIZE }), ReadCapacity10.size);
  }

  /** Answers from the disc's size, when a disc is there. */
  #fromDisc(
    task: ScsiTask,
    allocation: number,
    describe: (cdb: Uint8Array, blocks: number) => Uint8Array | number,
  ): void {
    const reason = this.notReady();
    if (reason !== Sense.None || this.#disk === undefined) return task.fail(reason);
    answer(task, describe(task.cdb, this.#blocks(this.#disk)), allocation);
  }

  #getEventStatus(task: ScsiTask): void {
    // Only the polled form exists: nothing is queued for later.
    if ((task.cdb[1]! & 0x01) === 0) return task.fail(Sense.InvalidFieldInCdb);
    const data = eventStatus(task.cdb[4]!, this.#event, this.#present, this.#open);
    // An event is told once; one whose class was not asked for waits.
    if (data.length > 4) this.#event = MediaEvent.None;
    task.reply(data, be16(task.cdb, 7));
  }

  #startStop(task: ScsiTask): void {
    if (task.cdb[4]! >> 4 !== 0) return task.fail(Sense.InvalidFieldInCdb);
    const load = (task.cdb[4]! & 0x02) !== 0;
    const start = (task.cdb[4]! & 0x01) !== 0;
    if (!load) {
      // A disc that stands still starts by itself when it is read.
      return task.good();
    }
    if (!start && this.#locked) return task.fail(Sense.MediumRemovalPrevented);
    if (this.#open !== !start) {
      this.#open = !start;
      if (start && this.#disk !== undefined) {
        this.#event = MediaEvent.NewMedia;
        this.attentions.raise(Sense.MediumMayHaveChanged);
      } else if (!start) this.#event = MediaEvent.MediaRemoval;
    }
    task.good();
  }
}

function answer(task: ScsiTask, data: Uint8Array | number, allocation: number): void {
  if (typeof data === 'number') task.fail(data);
  else task.reply(data, allocation);
}

function checked(disk: Disk | undefined): Disk | undefined {
  invariant(disk === undefined || DVD_BLOCK_SIZE % disk.sectorSize === 0, 'a disc has sectors of 512 or 2048 bytes');
  return disk;
}
