/**
 * NetworkVsp: a synthetic network adapter (NVSP 1 to 6.1 with RNDIS, as Linux's `hv_netvsc` and Windows speak them).
 *
 *     ring ──▶ packet() ──▶ TransmitPath ──▶ port            NVSP: negotiation.ts
 *     ring ◀── Lane ◀────── ReceivePath ◀─── port            RNDIS: rndis-control.ts, oid-queries.ts, oid-settings.ts
 *
 * A frame to be sent is out of the guest's memory before its packet is answered. A frame for the guest goes into its
 * receive buffer or is dropped: whatever the guest does, nobody waits for it.
 */
import {
  NO_SECTION,
  NVSP_SIZE_V61,
  NvspRndisPacket,
  NvspRndisPacketComplete,
  NvspStatus,
  NvspType,
  NvspVersion,
  NvspIndirectionTable,
  RndisChannel,
  SEND_INDIRECTION_ENTRIES,
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
import type { FrameOffload, NetworkPort } from '../../backends/network/network-port.ts';
import { Adapter, type SavedAdapter } from './adapter.ts';
import { Buffers, SEND_SECTION } from './buffers.ts';
import { ControlPath, rndisPayload } from './control-path.ts';
import { GatherList } from './gather-list.ts';
import { Lane } from './lane.ts';
import { Negotiation, type SavedNvsp } from './negotiation.ts';
import { formatAddress, macOf, mtuOf, networkOffer, type NetworkOptions } from './network-options.ts';
import { ReceivePath } from './receive-path.ts';
import { MOST_PACKET_BYTES, TransmitPath } from './transmit-path.ts';

const DEFAULT_LINK_SPEED = 10_000_000_000;
/** 50 ms, in units of 100 ns: a guest on a busy host may need some of it. */
const OFFER_DELAY = 500_000;

/** Everything an adapter needs to carry on elsewhere. */
export interface NetworkState {
  /** NVSP so far. */
  readonly negotiation: SavedNvsp;
  /** What the driver has set by RNDIS. */
  readonly adapter: SavedAdapter;
  /** Suballocations that the guest has, by packet. */
  readonly withGuest: readonly (readonly number[])[];
  /** RNDIS answers that wait for room, as bytes. */
  readonly answers: readonly (readonly number[])[];
}

/** A network adapter. */
export class NetworkVsp implements Vsp<NetworkState> {
  /** What guests see of it. */
  readonly offer: OfferDescription;
  readonly #world: DeviceWorld;
  readonly #port: NetworkPort | undefined;
  readonly #negotiation: Negotiation;
  readonly #adapter: Adapter;
  readonly #lanes: (Lane | undefined)[] = [];
  readonly #control: ControlPath;
  readonly #buffers: Buffers;
  readonly #gather: GatherList;
  readonly #transmit = new TransmitPath((frame, offload) => this.#sendFrame(frame, offload));
  readonly #receive: ReceivePath;
  readonly #answer = new Uint8Array(NVSP_SIZE_V61);
  readonly #answerView = new DataView(this.#answer.buffer);
  /** The answer by its size. */
  readonly #answerSized = Array.from({ length: NVSP_SIZE_V61 + 1 }, (_, size) => this.#answer.subarray(0, size));

  #bus: VspBus | undefined;
  /** The operator's wish: a cable that is pulled out although the port is up. */
  #plugged = true;
  #resuming: NetworkState | undefined;
  /** Takes back subchannels that are to be offered. */
  #cancelOffers = (): void => {};
  #tableSent = false;

  /** @throws UserError when an option is out of range */
  constructor(world: DeviceWorld, options: NetworkOptions = {}) {
    this.#world = world;
    this.offer = networkOffer(options);
    this.#port = options.port;
    const mtu = mtuOf(options);
    this.#adapter = new Adapter({
      permanentAddress: macOf(options),
      mtu,
      linkSpeed: options.linkSpeed ?? DEFAULT_LINK_SPEED,
      friendlyName: this.offer.name,
    });
    this.#negotiation = new Negotiation(
      { mtu, maxSubchannels: this.offer.maxSubchannels ?? 0 },
      {
        receiveBuffer: (gpadl, id, frameBytes) => this.#buffers.takeReceive(gpadl, id, frameBytes),
        sendBuffer: (gpadl) => this.#buffers.takeSend(gpadl),
        revokeReceive: () => this.#releaseReceive(),
        revokeSend: () => this.#buffers.releaseSend(),
        offerSubchannels: () => this.#offerSoon(),
      },
    );
    const { memory } = world;
    this.#gather = new GatherList(memory);
    this.#buffers = new Buffers(memory, (id) => this.#bus?.gpadl(id));
    this.#receive = new ReceivePath({
      adapter: this.#adapter,
      memory,
      buffers: this.#buffers,
      lanes: this.#lanes,
      soon: options.soon ?? queueMicrotask,
    });
    this.#control = new ControlPath(this.#adapter, () => {
      const lane = this.#lanes[0];
      const buffer = this.#buffers.receive;
      if (lane === undefined || buffer === undefined) return undefined;
      return { lane, buffer, messageSize: this.#negotiation.messageSize };
    });
    this.#adapter.link = this.#linkIsUp;
    this.#port?.link.onChange(() => this.#linkChanged());
    this.#port?.onReceive(this.#receive.deliver);
  }

  attached(bus: VspBus): void {
    this.#bus = bus;
  }

  opened(channel: Channel): boolean {
    const index = channel.subchannelIndex;
    if (index > 0 && index > this.#negotiation.subchannels) return false;
    if (index === 0) {
      if (this.#resuming === undefined) this.#forgetGuest();
      else this.#resume(this.#resuming);
      this.#resuming = undefined;
    }
    this.#lanes[index] = new Lane(channel);
    this.#sendTable();
    return true;
  }

  reopened(channel: Channel): void {
    this.opened(channel);
  }

  packet(packet: Packet, channel: Channel): boolean {
    const lane = this.#lanes[channel.subchannelIndex];
    if (lane === undefined) return true;
    if (packet.type === PacketType.Completion) {
      this.#received(packet);
      return true;
    }
    // Room for the answer is promised before the request is taken.
    if (!lane.hasRoom(NVSP_SIZE_V61)) return false;
    if ((packet.type !== PacketType.InBand && packet.type !== PacketType.GpaDirect) || packet.length < 4) {
      this.#malformation('a packet that is no NVSP message');
      channel.complete(packet, this.#emptyAnswer(0));
      return true;
    }
    const type = packet.u32(0);
    if (type === NvspType.SendRndisPacket) this.#rndis(packet, lane);
    else this.#negotiate(type, packet, lane);
    return true;
  }

  batchEnd(): void {
    this.#receive.flush();
  }

  closed(channel: Channel, done: () => void): void {
    const index = channel.subchannelIndex;
    if (this.#lanes[index]?.channel === channel) {
      this.#lanes[index] = undefined;
      if (index === 0) this.#forgetGuest();
    }
    done();
  }

  /** Pulls the cable out, or puts it in again. The guest is told when that changes anything. */
  setLink(up: boolean): void {
    this.#plugged = up;
    this.#linkChanged();
  }

  save(): NetworkState {
    this.#receive.flush();
    return {
      negotiation: this.#negotiation.save(),
      adapter: this.#adapter.save(),
      withGuest: this.#buffers.receive?.save() ?? [],
      answers: this.#control.save(),
    };
  }

  restore(state: NetworkState): void {
    this.#negotiation.restore(state.negotiation);
    this.#adapter.restore(state.adapter);
    this.#resuming = state;
  }

  inspect(): Record<string, unknown> {
    const { filter, scaling, statistics, link, initialized, facts } = this.#adapter;
    return {
      address: formatAddress(filter.address),
      version: this.#negotiation.version.toString(16),
      ndis: this.#negotiation.ndisVersion.toString(16),
      initialized,
      mtu: this.#negotiation.mtu,
      mostMtu: facts.mtu,
      link: link ? 'up' : 'down',
      filter: filter.wanted,
      hashing: scaling.hashTypes,
      receiveBuffer: this.#buffers.receive?.inspect() ?? null,
      sendBuffer: this.#buffers.send?.byteLength ?? null,
      answersWaiting: this.#control.waiting,
      channels: this.#lanes.filter((lane) => lane !== undefined).map((lane) => lane.inspect()),
      statistics: statistics.inspect(),
      port: this.#port?.inspect() ?? null,
    };
  }

  /** Unplugs it. The port is its owner's to dispose of. */
  dispose(done: () => void): void {
    this.#port?.onReceive(undefined);
    this.#releaseReceive();
    this.#buffers.releaseSend();
    done();
  }

  // NVSP.

  #negotiate(type: number, packet: Packet, lane: Lane): void {
    this.#answer.fill(0);
    if (lane.index > 0) {
      this.#malformation('negotiation by a subchannel');
      lane.channel.complete(packet, this.#answerSized[0]!);
      return;
    }
    const { answer, malformed } = this.#negotiation.handle(type, packet, this.#answerView);
    if (malformed !== undefined) this.#malformation(malformed);
    const { messageSize, maxSubchannels } = this.#negotiation;
    this.#adapter.queues = 1 + maxSubchannels;
    this.#adapter.frameBytes = this.#negotiation.frameBytes;
    if (this.#receive.payload.length !== messageSize) {
      this.#receive.payload = rndisPayload(RndisChannel.Data, messageSize);
    }
    lane.channel.complete(packet, this.#answerSized[answer === 0 ? 0 : messageSize]!);
  }

  /** A completion: the guest has read what it was sent. */
  #received(packet: Packet): void {
    const buffer = this.#buffers.receive;
    const { transactionLow, transactionHigh } = packet;
    if (packet.u32(0) !== NvspType.SendRndisPacketComplete || transactionHigh !== 0) {
      return this.#malformation('a completion of nothing');
    }
    if (buffer?.received(transactionLow - 1) !== true) return this.#malformation('a completion of nothing');
    if (packet.u32(NvspRndisPacketComplete.at.status) !== NvspStatus.Success) this.#adapter.statistics.receiveRefused++;
    if (this.#control.waiting > 0) this.#control.pump();
  }

  // RNDIS: the hot path.

  #rndis(packet: Packet, lane: Lane): void {
    const wrong = this.#rndisData(packet, lane);
    if (wrong !== undefined) this.#malformation(wrong);
    const view = this.#answerView;
    this.#answer.fill(0);
    view.setUint32(NvspRndisPacketComplete.at.type, NvspType.SendRndisPacketComplete, true);
    view.setUint32(
      NvspRndisPacketComplete.at.status,
      wrong === undefined ? NvspStatus.Success : NvspStatus.InvalidRndisPacket,
      true,
    );
    lane.channel.complete(packet, this.#answerSized[this.#negotiation.messageSize]!);
    // What it asked for comes behind the answer.
    if (this.#control.waiting > 0) this.#control.pump();
  }

  /** Finds a packet's data, and does with it what it is for. @returns what is wrong with it */
  #rndisData(packet: Packet, lane: Lane): string | undefined {
    if (this.#negotiation.version === 0) return 'a message before a version was agreed';
    const kind = packet.u32(NvspRndisPacket.at.channel);
    const section = packet.u32(NvspRndisPacket.at.section);
    const gather = this.#gather;
    gather.clear();
    if (section !== NO_SECTION) {
      const size = packet.u32(NvspRndisPacket.at.sectionSize);
      const start = section * SEND_SECTION;
      const buffer = this.#buffers.send;
      if (buffer === undefined || size > SEND_SECTION || start + size > buffer.byteLength) {
        return 'data outside the send buffer';
      }
      if (!gather.addBuffer(buffer, start, size)) return 'a send buffer that is not in memory';
    }
    if (packet.type === PacketType.GpaDirect) {
      const wrong = gather.addRanges(packet, MOST_PACKET_BYTES);
      if (wrong !== undefined) return wrong;
    }
    if (kind === RndisChannel.Control) {
      return lane.index > 0 ? 'a control message by a subchannel' : this.#control.handle(gather, lane.channel.tracing);
    }
    if (kind !== RndisChannel.Data) return 'a message on a channel that no one knows';
    if (!this.#adapter.initialized) return 'a frame before the initialization';
    return this.#transmit.send(gather, this.#negotiation.mtu, lane.channel.tracing);
  }

  #sendFrame(frame: Uint8Array, offload: FrameOffload | undefined): void {
    const { statistics, link } = this.#adapter;
    if (!link) statistics.transmitLinkDown++;
    else if (this.#port!.send(frame, offload)) statistics.transmitted.count(frame);
    else statistics.transmitDropped++;
  }

  // Link.

  get #linkIsUp(): boolean {
    return this.#plugged && this.#port?.link.up === true;
  }

  #linkChanged(): void {
    this.#adapter.link = this.#linkIsUp;
    this.#control.pump();
  }

  // Life.

  #releaseReceive(): void {
    for (const lane of this.#lanes) lane?.drop();
    this.#buffers.releaseReceive();
    this.#control.clear();
  }

  /** No guest is there any more, or a new one. */
  #forgetGuest(): void {
    this.#releaseReceive();
    this.#buffers.releaseSend();
    this.#negotiation.reset();
    this.#adapter.reset();
    this.#tableSent = false;
    this.#cancelOffers();
  }

  /** The guest of the saved state is there again, with its buffers. */
  #resume({ negotiation, withGuest, answers }: NetworkState): void {
    const { receiveGpadl, receiveId, sendGpadl, frameBytes } = negotiation;
    this.#adapter.queues = 1 + this.#negotiation.maxSubchannels;
    this.#adapter.frameBytes = frameBytes;
    this.#receive.payload = rndisPayload(RndisChannel.Data, this.#negotiation.messageSize);
    if (receiveGpadl !== 0) this.#buffers.takeReceive(receiveGpadl, receiveId, frameBytes);
    if (sendGpadl !== 0) this.#buffers.takeSend(sendGpadl);
    this.#buffers.receive?.restore(withGuest);
    this.#control.restore(answers);
    this.#tableSent = true;
  }

  /**
   * hv_netvsc forgets a subchannel that it sees before it has read how many it gets, and waits for it for ever: so it is
   * given time to read that first.
   */
  #offerSoon(): void {
    this.#cancelOffers();
    this.#cancelOffers = this.#world.after(OFFER_DELAY, () =>
      this.#bus?.offerSubchannels(this.#negotiation.subchannels),
    );
  }

  /** Once all of its channels are open, the guest is told by which it should send what. */
  #sendTable(): void {
    const { subchannels, version } = this.#negotiation;
    if (this.#tableSent || subchannels === 0 || version < NvspVersion.V5) return;
    for (let index = 0; index <= subchannels; index++) if (this.#lanes[index] === undefined) return;
    this.#tableSent = true;
    const primary = this.#lanes[0]!;
    const table = NvspIndirectionTable.encode({
      type: NvspType.SendIndirectionTable,
      count: SEND_INDIRECTION_ENTRIES,
      offset: NvspIndirectionTable.at.table,
      table: Array.from({ length: SEND_INDIRECTION_ENTRIES }, (_, i) => i % (subchannels + 1)),
    });
    primary.channel.whenRoom(table.length, () => {
      primary.channel.send(table);
      primary.channel.flush();
    });
  }

  #emptyAnswer(size: number): Uint8Array {
    this.#answer.fill(0);
    return this.#answerSized[size]!;
  }

  #malformation(what: string): void {
    this.#adapter.statistics.malformed++;
    this.#world.log.guestError(what);
  }
}
