/**
 * StorageController: the driver of a synthetic SCSI controller (vstor), as Linux's `hv_storvsc` speaks it.
 *
 *     const storage = await guest.open(StorageController);
 *     const [disk] = await storage.ready;
 *     await disk.readInto(0, sector);
 *
 * It negotiates, looks at all units, and looks again when the root says that they changed.
 */
import {
  IDE_ACCELERATOR_INTERFACE,
  SCSI_CONTROLLER_INTERFACE,
  VSTOR_HEADER_SIZE,
  VSTOR_MULTI_CHANNEL,
  VSTOR_PACKET_SIZE,
  VstorHeader,
  VstorOperation,
  VstorProperties,
  VstorProtocolVersion,
  VstorStatus,
  VstorSubchannelCount,
  VstorVersion,
} from '@ringlet/protocols';
import { PAGE_SIZE } from '@ringlet/microkernel';
import { type Channel, type Packet, PacketType } from '@ringlet/vmbus';
import { type Observable, Subject } from 'rxjs';
import { BlockDevice, type BlockTransport, type UnitDescription } from './block-device.ts';
import { Lane, LANE_DEPTH, type LaneWorld } from './lane.ts';
import { BlockStatus, StorageError } from './storage-error.ts';
import type { StorageGuest } from './storage-guest.ts';
import { UnitCommands } from './unit-commands.ts';
import { probeUnits } from './unit-probe.ts';

/** Something about a controller's units is different now. */
export interface StorageChange {
  /** `changed`: another size, another medium, or write protection. */
  readonly kind: 'added' | 'removed' | 'changed';
  readonly device: BlockDevice;
}

/** Versions, the newest first, that are asked for. */
const VERSIONS = [VstorVersion.Threshold, VstorVersion.Blue, VstorVersion.Win8];
/** Control transactions are numbered beyond any slot. */
const FIRST_CONTROL = 0x1_0000;
/** Bytes of one request at most, whatever the root allows. */
const LONGEST_TRANSFER = 0x40_0000;
/** Those who wait for room at most: a program that forgot to wait for its own requests. */
const MOST_WAITING = 0x1_0000;

/** A storage controller and its disks. */
export class StorageController implements BlockTransport, LaneWorld {
  static readonly interfaceId: string = SCSI_CONTROLLER_INTERFACE;
  /** 128 KiB each way, as Linux has it. */
  static readonly ringPages: number = 32;

  readonly guest: StorageGuest;
  /** The devices found at first. Rejects when the controller refuses all versions, or its channel closes. */
  readonly ready: Promise<BlockDevice[]>;
  /** Devices that came, went or changed after that. */
  readonly changes$: Observable<StorageChange>;

  readonly #changes = new Subject<StorageChange>();
  readonly #lanes: Lane[] = [];
  readonly #controls = new Map<number, (answer: Uint8Array | undefined) => void>();
  #nextControl = FIRST_CONTROL;
  #nextLane = 0;
  #waiting: (() => void)[] = [];
  #devices: BlockDevice[] = [];
  #scanning: Promise<void> | undefined;
  #scanAgain = false;
  #closed = false;
  #version = 0;
  #maxTransferBytes = PAGE_SIZE;
  #maxSubchannels = 0;
  #commands: UnitCommands | undefined;
  #commandPage = -1;

  constructor(channel: Channel, guest: StorageGuest) {
    this.guest = guest;
    this.changes$ = this.#changes.asObservable();
    this.#lanes.push(new Lane(channel, this));
    this.ready = this.#start();
    // Who does not look at `ready` is not to be ended by its rejection: `disks()` is empty then.
    this.ready.catch(() => {});
  }

  /** Protocol version in use; 0 until it is negotiated. */
  get version(): number {
    return this.#version;
  }

  /** Bytes that one request may move. */
  get maxTransferBytes(): number {
    return this.#maxTransferBytes;
  }

  /** Channels in use. */
  get channels(): number {
    return this.#lanes.length;
  }

  /** The devices there are now, discs and disks. */
  disks(): BlockDevice[] {
    return [...this.#devices];
  }

  /**
   * Opens subchannels, over which requests are spread from then on.
   *
   * @param count - how many channels more; fewer are opened when the controller offers fewer
   * @returns how many are in use, the first one included
   */
  async openChannels(count: number): Promise<number> {
    const wanted = Math.min(count, this.#maxSubchannels - (this.#lanes.length - 1));
    if (wanted <= 0) return this.#lanes.length;
    const total = this.#lanes.length - 1 + wanted;
    const answer = await this.#control(VstorOperation.CreateSubChannels, VstorSubchannelCount.encode({ count: total }));
    checked('creating subchannels', answer);
    const primary = this.#lanes[0]!.channel;
    for (const channel of await this.guest.openSubchannels(primary, wanted)) {
      const lane = new Lane(channel, this);
      this.#lanes.push(lane);
      channel.onPacket((packet) => {
        if (packet.type === PacketType.Completion) lane.completed(packet);
      });
      channel.state$.subscribe({
        next: (state) => {
          if (state !== 'open') this.#dropLane(lane);
        },
      });
    }
    return this.#lanes.length;
  }

  /** Looks at all units again; changes are told by {@link changes$}. */
  async rescan(): Promise<void> {
    this.#scanAgain = true;
    this.#scanning ??= this.#scanWhileAsked();
    await this.#scanning;
  }

  // The guest runtime's.

  packet(packet: Packet, channel: Channel): void {
    if (packet.type !== PacketType.Completion) return this.#told(packet);
    if (packet.transactionLow < FIRST_CONTROL) {
      const lane = this.#lanes.find((one) => one.channel === channel);
      return lane?.completed(packet);
    }
    const control = this.#controls.get(packet.transactionLow);
    this.#controls.delete(packet.transactionLow);
    control?.(packet.payload());
  }

  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const lane of this.#lanes.splice(0)) lane.close();
    for (const control of this.#controls.values()) control(undefined);
    this.#controls.clear();
    this.#remove(this.#devices.splice(0));
    for (const waiting of this.#waiting.splice(0)) waiting();
    if (this.#commandPage >= 0) this.guest.pages.free(this.#commandPage, 1);
    this.#commandPage = -1;
    this.#changes.complete();
  }

  // The lanes'.

  after(ticks: number, run: () => void): () => void {
    return this.guest.after(ticks, run);
  }

  attention(): void {
    void this.rescan();
  }

  absent(): void {
    this.attention();
  }

  freed(): void {
    if (this.#waiting.length === 0) return;
    for (const waiting of this.#waiting.splice(0)) waiting();
  }

  // The devices'.

  /** The channel is gone: nothing will be answered any more. */
  get isClosed(): boolean {
    return this.#closed;
  }

  lane(): Lane | undefined {
    const lanes = this.#lanes;
    for (let tried = 0; tried < lanes.length; tried++) {
      this.#nextLane = this.#nextLane + 1 < lanes.length ? this.#nextLane + 1 : 0;
      const lane = lanes[this.#nextLane]!;
      if (lane.inUse < LANE_DEPTH) return lane;
    }
    return undefined;
  }

  whenReady(run: () => void): void {
    if (this.#waiting.length >= MOST_WAITING) throw new RangeError('too many requests wait for room');
    this.#waiting.push(run);
    // Nothing in flight that could free a slot: the ring itself was full, of packets the root has yet to take.
    const [primary] = this.#lanes;
    if (primary !== undefined && this.#lanes.every((lane) => lane.inUse === 0)) {
      primary.channel.whenRoom(requestBytes(this.#maxTransferBytes), () => this.freed());
    }
  }

  protected get paths(): number {
    return 8;
  }

  async #start(): Promise<BlockDevice[]> {
    checked('initialization', await this.#control(VstorOperation.BeginInitialization));
    for (const version of VERSIONS) {
      const asked = VstorProtocolVersion.encode({ version, revision: 0 });
      const answer = await this.#control(VstorOperation.QueryProtocolVersion, asked);
      if (answer === undefined) throw new StorageError('negotiation', BlockStatus.Gone);
      if (statusOfAnswer(answer) !== VstorStatus.Success) continue;
      this.#version = version;
      break;
    }
    if (this.#version === 0) throw new StorageError('negotiation', BlockStatus.Failed);
    const properties = VstorProperties.decode(
      checked('properties', await this.#control(VstorOperation.QueryProperties)).subarray(VSTOR_HEADER_SIZE),
    );
    if (properties === undefined) throw new StorageError('properties', BlockStatus.Failed);
    this.#maxTransferBytes = this.#longestTransfer(properties.maxTransferBytes);
    this.#maxSubchannels = (properties.flags & VSTOR_MULTI_CHANNEL) !== 0 ? properties.maxSubchannels : 0;
    checked('end of initialization', await this.#control(VstorOperation.EndInitialization));

    this.#commandPage = this.guest.pages.allocate(1);
    if (this.#commandPage < 0) throw new RangeError('the guest has no free page');
    this.#commands = new UnitCommands(this, this.#commandPage);
    await this.rescan();
    if (this.#closed) throw new StorageError('looking at the units', BlockStatus.Gone);
    return this.disks();
  }

  /** Bytes of one request: what the root allows, as far as its page list fits into the ring. */
  #longestTransfer(allowed: number): number {
    const [primary] = this.#lanes;
    let bytes = Math.max(PAGE_SIZE, Math.min(allowed, LONGEST_TRANSFER) & ~(PAGE_SIZE - 1));
    while (bytes > PAGE_SIZE && primary?.channel.hasRoom(requestBytes(bytes)) === false)
      bytes = (bytes >> 1) & ~(PAGE_SIZE - 1);
    return bytes;
  }

  /** Sends one packet that is not about I/O. @returns the answer, or `undefined` when the channel closed */
  #control(operation: number, body: Uint8Array = new Uint8Array(0)): Promise<Uint8Array | undefined> {
    const [primary] = this.#lanes;
    if (primary === undefined) return Promise.resolve(undefined);
    const packet = new Uint8Array(VSTOR_PACKET_SIZE);
    VstorHeader.write(new DataView(packet.buffer), 0, { operation, flags: 1, status: 0 });
    packet.set(body, VSTOR_HEADER_SIZE);
    return new Promise((resolve) => {
      const id = this.#nextControl++;
      this.#controls.set(id, resolve);
      const { channel } = primary;
      channel.whenRoom(packet.length, () => {
        channel.request(packet, id, 0);
        channel.flush();
      });
    });
  }

  /** The root says something on its own. */
  #told(packet: Packet): void {
    const operation = packet.u32(VstorHeader.at.operation);
    const changed = operation === VstorOperation.EnumerateBus || operation === VstorOperation.RemoveDevice;
    if (changed && this.#commands !== undefined) void this.rescan();
  }

  async #scanWhileAsked(): Promise<void> {
    while (this.#scanAgain && !this.#closed && this.#commands !== undefined) {
      this.#scanAgain = false;
      const found = await probeUnits(this.#commands, this.paths);
      if (!this.#closed) this.#compare(found);
    }
    this.#scanning = undefined;
  }

  /** Makes the devices those that were found, and tells what is different. */
  #compare(found: readonly UnitDescription[]): void {
    const before = this.#devices;
    const changes: StorageChange[] = [];
    this.#devices = found.map((unit) => {
      const known = before.find((device) => isSame(device.description, unit));
      if (known === undefined) {
        const device = new BlockDevice(this, unit);
        changes.push({ kind: 'added', device });
        return device;
      }
      const differs = known.readOnly !== unit.readOnly || known.sectorSize !== unit.sectorSize;
      if (known.update(unit) || differs) changes.push({ kind: 'changed', device: known });
      return known;
    });
    this.#remove(before.filter((device) => !this.#devices.includes(device)));
    for (const change of changes) this.#changes.next(change);
  }

  #remove(devices: readonly BlockDevice[]): void {
    for (const device of devices) {
      device.remove();
      this.#changes.next({ kind: 'removed', device });
    }
  }

  #dropLane(lane: Lane): void {
    const at = this.#lanes.indexOf(lane);
    if (at < 0) return;
    this.#lanes.splice(at, 1);
    lane.close();
  }
}

/** The driver of an accelerated IDE disk: the same protocol, one unit, on whichever of two targets. */
export class IdeController extends StorageController {
  static override readonly interfaceId: string = IDE_ACCELERATOR_INTERFACE;

  protected override get paths(): number {
    return 1;
  }
}

function isSame(known: UnitDescription, found: UnitDescription): boolean {
  const { path, target, lun } = known.address;
  const here = found.address.path === path && found.address.target === target && found.address.lun === lun;
  return here && known.serial === found.serial && known.optical === found.optical;
}

/** Payload that takes as much of a ring as a request whose data lies in pages of its own. */
const requestBytes = (transferBytes: number): number => VSTOR_PACKET_SIZE + 16 + 8 * (transferBytes / PAGE_SIZE + 1);

const statusOfAnswer = (answer: Uint8Array): number => VstorHeader.decode(answer)?.status ?? VstorStatus.IoDeviceError;

function checked(what: string, answer: Uint8Array | undefined): Uint8Array {
  if (answer === undefined) throw new StorageError(what, BlockStatus.Gone);
  if (statusOfAnswer(answer) !== VstorStatus.Success) throw new StorageError(what, BlockStatus.Failed);
  return answer;
}
