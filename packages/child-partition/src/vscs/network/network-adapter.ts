/**
 * NetworkAdapter: the driver of a synthetic network adapter (NVSP with RNDIS), as Linux's `hv_netvsc` speaks them.
 *
 *     const nic = await guest.open(NetworkAdapter);
 *     await nic.ready;
 *     nic.onFrame((frame) => …);          // valid during the call
 *     nic.send(frame);                    // false: no room now
 *
 * It negotiates, gives the adapter its buffers, and asks for all frames to its address, to everybody and to groups.
 */
import { Access, PAGE_SIZE } from '@ringlet/microkernel';
import {
  MediaState,
  NETWORK_INTERFACE,
  NO_SECTION,
  NvspBuffer,
  NvspInit,
  NvspInitComplete,
  NvspNdisConfig,
  NvspNdisVersion,
  NvspReceiveBufferComplete,
  NvspRndisPacket,
  NvspRndisPacketComplete,
  NvspSendBufferComplete,
  nvspSize,
  NvspStatus,
  NvspType,
  NvspVersion,
  Oid,
  PacketFilter,
  QUERY_INFO_OFFSET,
  RECEIVE_BUFFER_ID,
  RNDIS_HEADER_SIZE,
  RndisChannel,
  RndisIndicateStatus,
  RndisInitialize,
  RndisOidRequest,
  RndisQueryComplete,
  RndisRequest,
  RndisStatus,
  RndisType,
  SEND_BUFFER_ID,
} from '@ringlet/protocols';
import { type Channel, type Packet, PacketType } from '@ringlet/vmbus';
import { BehaviorSubject, type Observable } from 'rxjs';
import { NetworkError } from './network-error.ts';
import type { NetworkGuest } from './network-guest.ts';
import { type FrameHandler, Receiver } from './receiver.ts';
import { SharedBuffer } from './shared-buffer.ts';
import { Transmitter } from './transmitter.ts';

/** Versions, the newest first, that are asked for. */
const VERSIONS = [NvspVersion.V61, NvspVersion.V6, NvspVersion.V5, NvspVersion.V4, NvspVersion.V2];
const ETHERNET_HEADER = 14;
/** 2 MiB and 1 MiB: some thousand frames in, 170 out. */
const RECEIVE_PAGES = 512;
const SEND_PAGES = 256;
/** Control transactions are numbered beyond any frame's. */
const FIRST_CONTROL = 0x1_0000;
const FILTER = PacketFilter.Directed | PacketFilter.AllMulticast | PacketFilter.Broadcast;

/** A network adapter. */
export class NetworkAdapter {
  /** The class of synthetic network adapters. */
  static readonly interfaceId: string = NETWORK_INTERFACE;
  /** 512 KiB each way, as Linux has it. */
  static readonly ringPages: number = 128;
  /** Largest packet that is asked for. */
  static readonly mtu: number = 1500;

  /** Settles when frames can go both ways. Rejects when the adapter refuses all versions, or its channel closes. */
  readonly ready: Promise<void>;
  /** Whether the link is up, and its changes. */
  readonly link$: Observable<boolean>;

  readonly #link = new BehaviorSubject(false);
  readonly #guest: NetworkGuest;
  readonly #channel: Channel;
  readonly #answers = new Map<number, (answer: Uint8Array | undefined) => void>();
  readonly #buffers: SharedBuffer[] = [];
  readonly #mtu: number;
  #controlPage = -1;
  #nextControl = FIRST_CONTROL;
  #version = 0;
  #mac: Uint8Array = new Uint8Array(6);
  #transmitter: Transmitter | undefined;
  #receiver: Receiver | undefined;
  #handler: FrameHandler = () => {};
  #closed = false;

  /** The same driver, asking for packets of another size: 576 to 9000 bytes, if the adapter has them. */
  static withMtu(mtu: number): typeof NetworkAdapter {
    return class extends NetworkAdapter {
      static override readonly mtu = mtu;
    };
  }

  constructor(channel: Channel, guest: NetworkGuest) {
    this.#channel = channel;
    this.#guest = guest;
    this.#mtu = new.target.mtu;
    this.link$ = this.#link.asObservable();
    this.ready = this.#start();
    // Who does not look at `ready` is not to be ended by its rejection: nothing can be sent then.
    this.ready.catch(() => {});
  }

  /** Protocol version in use; 0 until it is negotiated. */
  get version(): number {
    return this.#version;
  }

  /** The adapter's address, a copy. */
  get mac(): Uint8Array {
    return this.#mac.slice();
  }

  /** Largest packet. */
  get mtu(): number {
    return this.#mtu;
  }

  /** Whether the cable is plugged in, as the root has told last. */
  get link(): boolean {
    return this.#link.value;
  }

  /** What is done with frames that come. */
  onFrame(handler: FrameHandler): void {
    this.#handler = handler;
    if (this.#receiver !== undefined) this.#receiver.handler = handler;
  }

  /**
   * Sends a frame, which is copied.
   *
   * @param vlan - 802.1Q tag as on the wire
   * @returns false when there is no room for it now, when it is too large, or before {@link ready}
   */
  send(frame: Uint8Array, vlan?: number): boolean {
    if (this.#transmitter?.send(frame, vlan) !== true) return false;
    this.#channel.flush();
    return true;
  }

  /** Plain data. */
  inspect(): Record<string, unknown> {
    return {
      version: this.#version,
      link: this.link,
      inFlight: this.#transmitter?.inFlight ?? 0,
      strangers: this.#transmitter?.strangers ?? 0,
      frames: this.#receiver?.frames ?? 0,
      malformed: this.#receiver?.malformed ?? 0,
    };
  }

  // The guest runtime's.

  /** For the channel: frames that came, and answers to what was sent. */
  packet(packet: Packet): void {
    if (packet.type === PacketType.Completion) {
      const id = packet.transactionLow;
      if (id < FIRST_CONTROL) this.#transmitter?.completed(id);
      else this.#answered(id, packet.payload());
    } else if (packet.type === PacketType.TransferPages && this.#receiver !== undefined) {
      if (packet.u32(NvspRndisPacket.at.channel) === RndisChannel.Data) return this.#receiver.packet(packet);
      const message = this.#receiver.message(packet);
      this.#receiver.giveBack(packet);
      if (message !== undefined) this.#told(message);
    }
  }

  /** For the channel: who waits for an answer is told that there is none, and the buffers are the guest's again. */
  closed(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const answered of this.#answers.values()) answered(undefined);
    this.#answers.clear();
    this.#transmitter?.release();
    this.#transmitter = undefined;
    for (const buffer of this.#buffers.splice(0)) buffer.release();
    if (this.#controlPage >= 0) this.#guest.pages.free(this.#controlPage, 1);
    this.#controlPage = -1;
    this.#link.next(false);
    this.#link.complete();
  }

  async #start(): Promise<void> {
    await this.#negotiate();
    const frameBytes = this.#mtu + ETHERNET_HEADER;
    const receive = await this.#share(RECEIVE_PAGES);
    const receiveAnswer = NvspReceiveBufferComplete.decode(
      await this.#request(
        NvspBuffer.encode({ type: NvspType.SendReceiveBuffer, gpadl: receive.id, id: RECEIVE_BUFFER_ID }),
      ),
    );
    const { size = 0, count = 0, status } = receiveAnswer ?? {};
    if (status !== NvspStatus.Success || size * count > receive.byteLength || count < 1) refused('the receive buffer');
    const { memory } = this.#guest;
    this.#receiver = new Receiver({ memory, channel: this.#channel, offset: receive.offset, size, count });
    this.#receiver.handler = this.#handler;

    const send = await this.#share(SEND_PAGES);
    const sendAnswer = NvspSendBufferComplete.decode(
      await this.#request(NvspBuffer.encode({ type: NvspType.SendSendBuffer, gpadl: send.id, id: SEND_BUFFER_ID })),
    );
    const sectionSize = sendAnswer?.sectionSize ?? 0;
    if (sendAnswer?.status !== NvspStatus.Success || sectionSize < 1) refused('the send buffer');
    const sections = Math.floor(send.byteLength / sectionSize);
    const transmitter = new Transmitter({
      guest: this.#guest,
      channel: this.#channel,
      offset: send.offset,
      sectionSize,
      sections,
      messageSize: nvspSize(this.#version),
      frameBytes,
    });

    this.#controlPage = this.#guest.pages.allocate(1);
    if (this.#controlPage < 0) throw new NetworkError('asking the adapter', 'no-memory');
    await this.#initialize();
    this.#mac = (await this.#query(Oid.Ieee8023PermanentAddress)).slice(0, 6);
    const state = await this.#query(Oid.GenMediaConnectStatus);
    await this.#set(Oid.GenCurrentPacketFilter, Uint8Array.of(FILTER, 0, 0, 0));
    if (this.#closed) throw new NetworkError('starting', 'gone');
    this.#transmitter = transmitter;
    this.#link.next(state[0] === MediaState.Connected);
  }

  async #negotiate(): Promise<void> {
    for (const version of VERSIONS) {
      const answer = NvspInitComplete.decode(
        await this.#request(NvspInit.encode({ type: NvspType.Init, lowest: version, highest: version })),
      );
      if (answer?.status !== NvspStatus.Success) continue;
      this.#version = version;
      break;
    }
    if (this.#version === 0) refused('negotiation');
    this.#tell(
      NvspNdisConfig.encode({ type: NvspType.SendNdisConfig, mtu: this.#mtu + ETHERNET_HEADER, capabilities: 0n }),
    );
    this.#tell(NvspNdisVersion.encode({ type: NvspType.SendNdisVersion, major: 6, minor: 0x1e }));
  }

  async #share(pages: number): Promise<SharedBuffer> {
    const buffer = await SharedBuffer.make(this.#guest, this.#channel, pages);
    if (this.#closed) {
      buffer.release();
      throw new NetworkError('making a buffer', 'gone');
    }
    this.#buffers.push(buffer);
    return buffer;
  }

  async #initialize(): Promise<void> {
    const message = RndisInitialize.encode({
      type: RndisType.Initialize,
      length: RndisInitialize.size,
      requestId: 0,
      major: 1,
      minor: 0,
      maxTransferSize: 0x4000,
    });
    checked('initialization', await this.#control(message));
  }

  /** Asks for an OID. @throws NetworkError */
  async #query(oid: number): Promise<Uint8Array> {
    const answer = checked(`OID ${oid.toString(16)}`, await this.#control(oidRequest(RndisType.Query, oid)));
    const { infoOffset, infoLength } = RndisQueryComplete.decode(answer)!;
    const start = RNDIS_HEADER_SIZE + infoOffset;
    return answer.subarray(start, start + infoLength);
  }

  /** Sets an OID. @throws NetworkError */
  async #set(oid: number, info: Uint8Array): Promise<void> {
    checked(`OID ${oid.toString(16)}`, await this.#control(oidRequest(RndisType.Set, oid, info)));
  }

  /** Sends an RNDIS request. @returns its answer. @throws NetworkError when the channel closes */
  async #control(message: Uint8Array): Promise<Uint8Array> {
    const id = this.#nextControl++;
    new DataView(message.buffer).setUint32(RndisRequest.at.requestId, id, true);
    const answer = this.#expect(id);
    const { memory } = this.#guest;
    const gpa = this.#controlPage * PAGE_SIZE;
    memory.bytes.set(message, memory.find(gpa, message.length, Access.ReadWrite));
    const packet = this.#sized(
      NvspRndisPacket.encode({
        type: NvspType.SendRndisPacket,
        channel: RndisChannel.Control,
        section: NO_SECTION,
        sectionSize: 0,
      }),
    );
    const sent = this.#nextControl++;
    // Refused as a packet, it is not answered as a message.
    this.#answers.set(sent, (completion) => {
      if (completion?.[NvspRndisPacketComplete.at.status] !== NvspStatus.Success) this.#answered(id, new Uint8Array(0));
    });
    this.#whenRoom(packet.length + 32, () =>
      this.#channel.requestDirect(packet, [this.#controlPage], 0, message.length, sent, 0),
    );
    return (await answer) ?? gone();
  }

  /** Sends an NVSP message that is answered. @throws NetworkError when the channel closes */
  async #request(message: Uint8Array): Promise<Uint8Array> {
    const id = this.#nextControl++;
    const answer = this.#expect(id);
    const packet = this.#sized(message);
    this.#whenRoom(packet.length, () => this.#channel.request(packet, id, 0));
    return (await answer) ?? gone();
  }

  #tell(message: Uint8Array): void {
    const packet = this.#sized(message);
    this.#whenRoom(packet.length, () => this.#channel.send(packet));
  }

  #expect(id: number): Promise<Uint8Array | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise((resolve) => this.#answers.set(id, resolve));
  }

  #answered(id: number, answer: Uint8Array): void {
    const resolve = this.#answers.get(id);
    this.#answers.delete(id);
    resolve?.(answer);
  }

  #whenRoom(bytes: number, send: () => void): void {
    this.#channel.whenRoom(bytes, () => {
      send();
      this.#channel.flush();
    });
  }

  /** An RNDIS message that is no frame. */
  #told(message: Uint8Array): void {
    const request = RndisRequest.decode(message);
    if (request === undefined) return;
    if (request.type !== RndisType.IndicateStatus) return this.#answered(request.requestId, message);
    const status = RndisIndicateStatus.decode(message)?.status;
    if (status === RndisStatus.MediaConnect) this.#link.next(true);
    else if (status === RndisStatus.MediaDisconnect) this.#link.next(false);
  }

  #sized(message: Uint8Array): Uint8Array {
    const packet = new Uint8Array(nvspSize(this.#version));
    packet.set(message);
    return packet;
  }
}

function oidRequest(type: number, oid: number, info: Uint8Array = new Uint8Array(0)): Uint8Array {
  const message = new Uint8Array(RndisOidRequest.size + info.length);
  RndisOidRequest.write(new DataView(message.buffer), 0, {
    type,
    length: message.length,
    requestId: 0,
    oid,
    infoLength: info.length,
    infoOffset: QUERY_INFO_OFFSET,
  });
  message.set(info, RndisOidRequest.size);
  return message;
}

function refused(what: string): never {
  throw new NetworkError(what, 'refused');
}

function gone(): never {
  throw new NetworkError('asking the adapter', 'gone');
}

/** An answer whose status is success. */
function checked(what: string, answer: Uint8Array): Uint8Array {
  if (RndisQueryComplete.at.status + 4 > answer.length) refused(what);
  const status = new DataView(answer.buffer, answer.byteOffset).getUint32(RndisQueryComplete.at.status, true);
  return status === RndisStatus.Success ? answer : refused(what);
}
