/**
 * StorageVsp: a synthetic SCSI controller, or the accelerator of an IDE disk (vstor, as Linux's `hv_storvsc` and Windows
 * speak it). From packet to disk and back:
 *
 *     ring ──▶ packet() ──▶ StorageRequest ──▶ LunQueue ──▶ LogicalUnit ──▶ Disk
 *     ring ◀── completion ◀── #finished() ◀───────────────────────────────── complete(status)
 *
 * Reads and writes make no object and copy no data: the disk gets the guest's own pages.
 */
import {
  ScsiOp,
  ScsiStatus,
  Sense,
  SrbStatus,
  VSTOR_HEADER_SIZE,
  VSTOR_PACKET_SIZE,
  VSTOR_PACKET_SIZE_WIN7,
  VstorAt,
  VstorOperation,
  VstorStatus,
} from '@ringlet/protocols';
import {
  type Channel,
  type DeviceWorld,
  type OfferDescription,
  type Packet,
  PacketType,
  type Vsp,
  type VspBus,
} from '@ringlet/vmbus';
import { UserError } from '@ringlet/wire';
import type { Disk } from '../../backends/disk/disk.ts';
import { Enumeration } from './enumeration.ts';
import { Lane } from './lane.ts';
import type { LunAddress, LunQueue } from './lun-queue.ts';
import { LunTable } from './lun-table.ts';
import { Negotiation, type SavedNegotiation } from './negotiation.ts';
import { SMALLEST_SRB, type SavedRequest, type StorageRequest } from './storage-request.ts';
import {
  DEFAULT_MAX_TRANSFER,
  DEFAULT_QUEUE_DEPTH,
  storageOffer,
  type StorageLun,
  type StorageOptions,
} from './storage-options.ts';
import { answerWithoutUnit } from './target-commands.ts';
import { DvdUnit } from './scsi/dvd-unit.ts';
import type { LogicalUnitState } from './scsi/logical-unit.ts';

/** Everything a controller needs to carry on elsewhere. */
export interface StorageState {
  /** vstor so far. */
  readonly negotiation: SavedNegotiation;
  /** What each unit keeps. */
  readonly units: readonly (LunAddress & { readonly unit: LogicalUnitState })[];
  /** Requests that were in the device: they are issued again, writes too. */
  readonly requests: readonly SavedRequest[];
}

/** A storage controller. */
export class StorageVsp implements Vsp<StorageState> {
  /** What guests see of it. */
  readonly offer: OfferDescription;
  readonly #world: DeviceWorld;
  readonly #options: StorageOptions;
  readonly #maxTransferBytes: number;
  readonly #initiator: number;
  readonly #negotiation: Negotiation;
  readonly #luns: LunTable;
  readonly #lanes: (Lane | undefined)[] = [];
  readonly #answer64 = new Uint8Array(VSTOR_PACKET_SIZE);
  readonly #answer48 = this.#answer64.subarray(0, VSTOR_PACKET_SIZE_WIN7);
  readonly #finish = (request: StorageRequest): void => this.#finished(request);

  #bus: VspBus | undefined;
  /** Restored, and not yet opened by the guest that is restored with it. */
  #resuming = false;
  #toResume: readonly SavedRequest[] = [];
  readonly #enumeration = new Enumeration();
  #malformed = 0;
  /** Its packet is being handled: what it sends is published by the end of the batch. */
  #handling: Lane | undefined;

  /** @throws UserError when the options contradict each other */
  constructor(world: DeviceWorld, options: StorageOptions = {}) {
    this.#world = world;
    this.#options = options;
    this.offer = storageOffer(options);
    this.#maxTransferBytes = options.maxTransferBytes ?? DEFAULT_MAX_TRANSFER;
    this.#initiator = options.initiator ?? 0;
    this.#negotiation = new Negotiation({
      maxSubchannels: this.offer.maxSubchannels ?? 0,
      maxTransferBytes: this.#maxTransferBytes,
    });
    this.#luns = new LunTable({
      defaultPath: options.ide?.channel ?? 0,
      defaultTarget: options.ide?.device ?? 0,
      instanceId: this.offer.instanceId,
      maxTransferBytes: this.#maxTransferBytes,
      queueDepth: options.queueDepth ?? DEFAULT_QUEUE_DEPTH,
      initiator: this.#initiator,
      // An idle guest would not notice: made to look, its first command finds the unit attention.
      resized: () => this.#notify(),
    });
    for (const lun of options.disks ?? []) this.#luns.add(lun);
  }

  attached(bus: VspBus): void {
    this.#bus = bus;
  }

  opened(channel: Channel): boolean {
    const index = channel.subchannelIndex;
    if (index > 0 && index > this.#negotiation.subchannels) return false;
    if (index === 0) {
      if (!this.#resuming) this.#negotiation.reset();
      this.#resuming = false;
      this.#enumeration.cancel();
    }
    const lane = new Lane(channel, this.#luns.slots, this.#finish);
    this.#lanes[index] = lane;
    this.#resume(lane);
    return true;
  }

  packet(packet: Packet, channel: Channel): boolean {
    const lane = this.#lanes[channel.subchannelIndex];
    if (lane === undefined) return true;
    // Room for the answer is promised before the request is taken.
    if (!lane.hasRoom()) return false;
    if (!packet.completionRequested) {
      this.#malformation('a packet that asks for no answer');
      return true;
    }
    if (lane.index > 0 && !this.#negotiation.ready) {
      lane.held = true;
      return false;
    }
    this.#handling = lane;
    this.#dispatch(packet, lane);
    this.#handling = undefined;
    return true;
  }

  closed(channel: Channel, done: () => void): void {
    const lane = this.#lanes[channel.subchannelIndex];
    if (lane === undefined || lane.channel !== channel) return done();
    lane.closing = done;
    if (lane.index === 0) {
      this.#negotiation.reset();
      this.#enumeration.cancel();
    }
    for (const queue of this.#luns.all()) queue.drop(lane);
    if (lane.outstanding === 0) this.#closeLane(lane);
  }

  reset(): void {
    for (const { unit } of this.#luns.all()) unit.powerUp();
  }

  /** Adds a disk or drive, and tells the guest. @throws UserError when its place is taken */
  attach(lun: StorageLun): void {
    const queue = this.#luns.add(lun);
    for (const lane of this.#lanes) lane?.divide(this.#luns.slots);
    this.#luns.reportChanged(queue);
    this.#notify();
  }

  /**
   * Takes a disk or drive away, and tells the guest.
   *
   * @param done - called when no request is at its disk any more: it may be closed then
   * @throws UserError when nothing is there
   */
  detach(address: Partial<LunAddress>, done: () => void): void {
    const queue = this.#luns.find(address);
    this.#luns.remove(queue, done);
    this.#luns.reportChanged(queue);
    this.#notify();
  }

  /**
   * Puts another disc into a drive, or takes it out.
   *
   * @param done - called when no request is at the disc that was there
   * @throws UserError when no drive is there
   */
  changeMedium(address: Partial<LunAddress>, disc: Disk | undefined, done: () => void): void {
    const queue = this.#luns.find(address);
    if (!(queue.unit instanceof DvdUnit)) throw new UserError('not-a-drive', 'the disk there cannot be changed');
    queue.unit.change(disc);
    queue.whenIdle(done);
  }

  save(): StorageState {
    return {
      negotiation: this.#negotiation.save(),
      units: this.#luns.all().map(({ address, unit }) => ({ ...address, unit: unit.save() })),
      requests: [
        ...this.#toResume,
        ...this.#lanes.flatMap((lane) => lane?.active() ?? []).map((request) => request.save()),
      ],
    };
  }

  restore(state: StorageState): void {
    this.#negotiation.restore(state.negotiation);
    for (const { path, target, lun, unit } of state.units) this.#luns.get(path, target, lun)?.unit.restore(unit);
    this.#toResume = state.requests;
    this.#resuming = true;
  }

  inspect(): Record<string, unknown> {
    return {
      state: this.#negotiation.state,
      version: this.#negotiation.version,
      subchannels: this.#negotiation.subchannels,
      malformed: this.#malformed,
      channels: this.#lanes.filter((lane) => lane !== undefined).map((lane) => lane.inspect()),
      units: this.#luns.all().map((queue) => queue.inspect()),
    };
  }

  /** Waits for the disks, and closes them. */
  dispose(done: () => void): void {
    this.#luns.close(done);
  }

  // Packets.

  #dispatch(packet: Packet, lane: Lane): void {
    const { type, length } = packet;
    if ((type !== PacketType.InBand && type !== PacketType.GpaDirect) || length < VSTOR_HEADER_SIZE) {
      return this.#refusePacket(packet, lane, 'a packet that is no vstor packet');
    }
    const operation = packet.u32(VstorAt.operation);
    if (operation === VstorOperation.ExecuteSrb) return this.#execute(packet, lane);
    this.#answer64.fill(0);
    switch (operation) {
      case VstorOperation.ResetBus:
      case VstorOperation.ResetAdapter:
      case VstorOperation.ResetLun:
        return this.#answer(packet, lane, this.#reset(operation, packet));
      default:
        return this.#control(operation, packet, lane);
    }
  }

  #control(operation: number, packet: Packet, lane: Lane): void {
    const wasReady = this.#negotiation.ready;
    const subchannels = this.#negotiation.subchannels;
    const status = this.#negotiation.handle(operation, packet, this.#answer64, lane.index === 0);
    if (status === VstorStatus.InvalidDeviceRequest) this.#malformation('an operation that no one knows');
    this.#answer(packet, lane, status);
    if (this.#negotiation.subchannels > subchannels) this.#bus?.offerSubchannels(this.#negotiation.subchannels);
    if (!wasReady && this.#negotiation.ready) {
      // The guest looks at all units now.
      this.#enumeration.cancel();
      for (const other of this.#lanes) {
        if (other?.held !== true) continue;
        other.held = false;
        other.channel.resume();
      }
    }
  }

  /** Commands in flight go on: they cannot be taken back from a disk. Units tell their initiators. */
  #reset(operation: number, packet: Packet): number {
    if (!this.#negotiation.ready) return VstorStatus.InvalidDeviceState;
    if (operation !== VstorOperation.ResetLun) {
      for (const { unit } of this.#luns.all()) unit.reset(Sense.ScsiBusReset);
      return VstorStatus.Success;
    }
    const path = this.#pathOf(packet.u8(VstorAt.pathId));
    const queue = this.#luns.get(path, packet.u8(VstorAt.targetId), packet.u8(VstorAt.lun));
    if (queue === undefined) return VstorStatus.DeviceDoesNotExist;
    queue.unit.reset(Sense.BusDeviceReset);
    return VstorStatus.Success;
  }

  /** Answers a packet that is not a request for I/O; the payload stands in the answer already. */
  #answer(packet: Packet, lane: Lane, status: number): void {
    const answer = this.#sized(this.#negotiation.answerSize(packet.length));
    answer[VstorAt.operation] = VstorOperation.CompleteIo;
    new DataView(answer.buffer).setUint32(VstorAt.status, status, true);
    lane.channel.complete(packet, answer);
  }

  /** A packet that cannot be read fails alone: the channel lives. */
  #refusePacket(packet: Packet, lane: Lane, what: string): void {
    this.#malformation(what);
    this.#answer64.fill(0);
    this.#answer(packet, lane, VstorStatus.InvalidParameter);
  }

  // I/O: the hot path.

  #execute(packet: Packet, lane: Lane): void {
    if (packet.length < SMALLEST_SRB) {
      return this.#refusePacket(packet, lane, 'a SCSI request that is too short');
    }
    const request = lane.take();
    const wrong = request.take(packet, this.#world.memory, this.#maxTransferBytes);
    if (!this.#negotiation.ready) {
      lane.enter(-1);
      request.srbStatus = SrbStatus.InvalidRequest;
      request.packetStatus = VstorStatus.InvalidDeviceState;
      return request.refuse(ScsiStatus.Good);
    }
    if (wrong !== undefined) {
      this.#malformation(wrong);
      return this.#refuse(request);
    }
    const queue = this.#luns.get(this.#pathOf(request.path), request.target, request.lun);
    if (request.cdb[0] === ScsiOp.ReportLuns || queue === undefined) {
      lane.enter(-1);
      return answerWithoutUnit(request, queue, this.#luns);
    }
    if (!lane.admits(queue.slot)) {
      lane.enter(-1);
      queue.countRefused();
      return request.refuse(ScsiStatus.TaskSetFull);
    }
    this.#start(request, queue);
  }

  #start(request: StorageRequest, queue: LunQueue): void {
    request.lane.enter(queue.slot);
    request.queue = queue;
    request.initiator = this.#initiator;
    if (queue.sampleNext) request.startedAt = this.#world.clock.now();
    queue.submit(request);
  }

  /** A request has ended: answer it, use it again, and let its queue go on. */
  #finished(request: StorageRequest): void {
    const { lane, queue } = request;
    if (queue !== undefined) {
      queue.ended(request, request.startedAt < 0 ? -1 : this.#world.clock.now() - request.startedAt);
    }
    lane.leave(queue === undefined ? -1 : queue.slot);
    if (lane.closing === undefined) {
      const answer = this.#sized(this.#negotiation.answerSize(VSTOR_PACKET_SIZE_WIN7));
      request.writeCompletion(answer);
      lane.channel.completeTransaction(request.transactionLow, request.transactionHigh, answer);
      if (this.#handling !== lane) lane.channel.flush();
    }
    lane.give(request);
    if (queue !== undefined) queue.pump();
    if (lane.closing !== undefined && lane.outstanding === 0) this.#closeLane(lane);
  }

  /** The same for a request whose data buffer is wrong. */
  #refuse(request: StorageRequest): void {
    request.lane.enter(-1);
    request.srbStatus = SrbStatus.InvalidRequest;
    request.packetStatus = VstorStatus.InvalidParameter;
    request.refuse(ScsiStatus.Good);
  }

  /** The guest's memory is no longer touched on behalf of the lane. */
  #closeLane(lane: Lane): void {
    if (this.#lanes[lane.index] === lane) this.#lanes[lane.index] = undefined;
    const done = lane.closing;
    lane.closing = () => {};
    done?.();
  }

  /** Issues the saved requests of a channel again, in the order they came. */
  #resume(lane: Lane): void {
    const mine = this.#toResume.filter(({ channel }) => channel === lane.index);
    this.#toResume = this.#toResume.filter(({ channel }) => channel !== lane.index);
    for (const saved of mine) {
      const request = lane.take();
      const wrong = request.resume(saved, this.#world.memory);
      const queue = this.#luns.get(this.#pathOf(request.path), request.target, request.lun);
      if (wrong !== undefined) this.#refuse(request);
      else if (queue !== undefined) this.#start(request, queue);
      else {
        lane.enter(-1);
        answerWithoutUnit(request, queue, this.#luns);
      }
    }
  }

  /** Guests do not reliably set the path of an accelerated IDE disk. */
  #pathOf(path: number): number {
    return this.#options.ide?.channel ?? path;
  }

  /** Before the guest is ready there is nothing to tell: it will look at all units anyway. */
  #notify(): void {
    const primary = this.#lanes[0];
    if (primary !== undefined && this.#negotiation.ready) this.#enumeration.tell(primary, this.#negotiation.version);
  }

  #sized(size: number): Uint8Array {
    return size === VSTOR_PACKET_SIZE ? this.#answer64 : this.#answer48;
  }

  #malformation(what: string): void {
    this.#malformed++;
    this.#world.log.guestError(what);
  }
}
