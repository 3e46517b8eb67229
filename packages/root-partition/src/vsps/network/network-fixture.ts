/**
 * Network fixture: a guest's hands on an adapter over real rings, for tests.
 *
 *     page 0..15     outgoing ring of the primary channel    16..31  incoming
 *     page 32 n…     the same of subchannel n
 *     page 256..     receive buffer, in reversed order: no two of its pages lie together
 *     page 512..     send buffer
 *     page 768..     memory for GPA-direct ranges
 */
import { Access, GuestMemory, MemoryNode, PAGE_SIZE, Slat } from '@ringlet/microkernel';
import {
  NO_SECTION,
  NvspBuffer,
  NvspInit,
  NvspNdisConfig,
  NvspNdisVersion,
  NvspRndisPacket,
  NvspRndisPacketComplete,
  nvspSize,
  NvspStatus,
  NvspType,
  NvspVersion,
  Oid,
  RECEIVE_BUFFER_ID,
  RndisChannel,
  RndisInitialize,
  RndisType,
} from '@ringlet/protocols';
import { type DeviceWorld, type GpadlView, PacketType, RingChannel } from '@ringlet/vmbus';
import { invariant } from '@ringlet/wire';
import type { NetworkOptions } from './network-options.ts';
import { NetworkVsp } from './network-vsp.ts';
import { oidRequest, readPacket, type ReceivedFrame } from './rndis-fixture.ts';
import { TestPort } from './test-port.ts';

const RING_PAGES = 16;
const GUEST_PAGES = 1024;
/** First page of the receive buffer, which is followed by the send buffer. */
export const RECEIVE_PAGE = 256;
const SEND_PAGE = 512;
/** First page behind the buffers. */
export const DATA_PAGE = 768;
/** Guest physical address of the memory for GPA-direct ranges. */
export const DATA_GPA = DATA_PAGE * PAGE_SIZE;
/** A page that is not there. */
export const MISSING_GPA = (GUEST_PAGES - 1) * PAGE_SIZE;
export const RECEIVE_GPADL = 11;
export const SEND_GPADL = 12;
/** Bytes of a section of the send buffer. */
export const SECTION = 6144;

/** What the guest finds in its receive buffer. */
interface Received {
  readonly id: number;
  readonly channel: number;
  readonly messages: Uint8Array[];
}

/** One channel, both ends of it. */
export interface Line {
  readonly guest: RingChannel;
  readonly root: RingChannel;
  readonly completions: { id: number; bytes: Uint8Array }[];
  readonly received: Received[];
  readonly inBand: Uint8Array[];
}

/** Guest memory, rings, a world and an adapter. */
export class NetworkBench {
  readonly slat: Slat;
  readonly memory: GuestMemory;
  readonly port: TestPort;
  readonly vsp: NetworkVsp;
  readonly guestErrors: string[] = [];
  readonly lines: Line[] = [];
  readonly offered: number[] = [];
  /** GPADLs that the device holds, by number. */
  readonly held = new Map<number, number>();
  /** Whether the guest gives back what it has read, at once. */
  reading = true;
  version: number = NvspVersion.V61;
  #soon: (() => void)[] = [];
  #timers: (() => void)[] = [];
  #id = 0;

  constructor(options: NetworkOptions & { readonly portMtu?: number } = {}) {
    const { portMtu = 1500, ...rest } = options;
    const tableBytes = Slat.tableBytes(GUEST_PAGES);
    const node = new MemoryNode({ id: 0, buffer: new SharedArrayBuffer(GUEST_PAGES * PAGE_SIZE + tableBytes) });
    this.slat = new Slat(node, GUEST_PAGES * PAGE_SIZE, GUEST_PAGES);
    this.slat.mapRun(0, 0, GUEST_PAGES - 1, Access.ReadWrite);
    this.memory = new GuestMemory(node, this.slat);
    this.port = new TestPort(portMtu);
    this.vsp = this.another({ port: this.port, ...rest });
  }

  /** An adapter in the same memory. */
  another(options: NetworkOptions): NetworkVsp {
    const vsp = new NetworkVsp(this.world, { soon: (run) => void this.#soon.push(run), ...options });
    vsp.attached({
      offerSubchannels: (count) => void this.offered.push(count),
      gpadl: (id) => this.#gpadl(id),
    });
    return vsp;
  }

  get world(): DeviceWorld {
    return {
      memory: this.memory,
      clock: { now: () => 0 },
      log: { guestError: (what) => void this.guestErrors.push(what), info: () => {} },
      after: (_ticks, run) => {
        this.#timers.push(run);
        return () => void (this.#timers = this.#timers.filter((timer) => timer !== run));
      },
    };
  }

  /** Opens a channel. @returns undefined when the adapter refuses */
  open(index = 0, vsp = this.vsp): Line | undefined {
    const first = index * 2 * RING_PAGES;
    const pages = (from: number): number[] => Array.from({ length: RING_PAGES }, (_, i) => from + i);
    const end = (incoming: number, outgoing: number, initialize: boolean): RingChannel =>
      new RingChannel({
        relid: 1 + index,
        subchannelIndex: index,
        userData: new Uint8Array(120),
        memory: this.memory,
        incoming: pages(incoming),
        outgoing: pages(outgoing),
        initialize,
        signal: () => {},
        // The test decides when either end works.
        pollSoon: () => {},
      });
    const guest = end(first + RING_PAGES, first, true);
    const root = end(first, first + RING_PAGES, false);
    const line: Line = { guest, root, completions: [], received: [], inBand: [] };
    guest.onPacket((packet) => {
      if (packet.type === PacketType.Completion) {
        line.completions.push({ id: packet.transactionLow, bytes: packet.payload() });
      } else if (packet.type === PacketType.TransferPages) {
        const messages = Array.from({ length: packet.rangeCount }, (_, i) =>
          this.receiveBuffer(packet.rangeOffset(i), packet.rangeLength(i)),
        );
        const channel = packet.u32(NvspRndisPacket.at.channel);
        line.received.push({ id: packet.transactionLow, channel, messages });
        if (this.reading) this.giveBack(packet.transactionLow, index);
      } else {
        line.inBand.push(packet.payload());
      }
    });
    if (vsp.opened(root) === false) return undefined;
    root.onPacket(
      (packet, channel) => vsp.packet(packet, channel),
      () => vsp.batchEnd(),
    );
    this.lines[index] = line;
    return line;
  }

  /** Opens and negotiates as hv_netvsc does, up to frames of the given kinds. */
  openReady(options: { version?: number; mtu?: number; filter?: number } = {}): Line {
    const { version = NvspVersion.V61, mtu = 1500, filter = 0xd } = options;
    const line = this.open()!;
    this.version = version;
    this.request(NvspInit.encode({ type: NvspType.Init, lowest: version, highest: version }));
    if (version >= NvspVersion.V2) {
      this.tell(NvspNdisConfig.encode({ type: NvspType.SendNdisConfig, mtu: mtu + 14, capabilities: 8n }));
    }
    this.tell(NvspNdisVersion.encode({ type: NvspType.SendNdisVersion, major: 6, minor: 0x1e }));
    this.request(NvspBuffer.encode({ type: NvspType.SendReceiveBuffer, gpadl: RECEIVE_GPADL, id: RECEIVE_BUFFER_ID }));
    this.request(NvspBuffer.encode({ type: NvspType.SendSendBuffer, gpadl: SEND_GPADL, id: 0 }));
    this.control(
      RndisInitialize.encode({
        type: RndisType.Initialize,
        length: RndisInitialize.size,
        requestId: 1,
        major: 1,
        minor: 0,
        maxTransferSize: 0x4000,
      }),
    );
    if (filter !== 0) this.setOid(Oid.GenCurrentPacketFilter, Uint8Array.of(filter, 0, 0, 0));
    return line;
  }

  /** Lets both ends work until nothing moves. */
  settle(): void {
    for (let round = 0; round < 4; round++) {
      for (const run of this.#soon.splice(0)) run();
      for (const line of this.lines) {
        if (line === undefined) continue;
        while (line.root.poll(64));
        while (line.guest.poll(64));
      }
    }
  }

  /** Runs what waits for time to pass. */
  pass(): void {
    for (const run of this.#timers.splice(0)) run();
  }

  /** Sends an NVSP message and waits for its answer. */
  request(message: Uint8Array, index = 0): Uint8Array {
    const id = this.post(message, index);
    this.settle();
    return this.completion(id, index)!;
  }

  /** Sends an NVSP message that wants an answer. @returns its transaction id */
  post(message: Uint8Array, index = 0): number {
    const id = ++this.#id;
    invariant(this.lines[index]!.guest.request(sized(message, this.version), id, 0), 'the ring has room');
    this.lines[index]!.guest.flush();
    return id;
  }

  /** Sends an NVSP message that wants none. */
  tell(message: Uint8Array): void {
    this.lines[0]!.guest.send(sized(message, this.version));
    this.lines[0]!.guest.flush();
    this.settle();
  }

  /** The answer to a message, when it has come. */
  completion(id: number, index = 0): Uint8Array | undefined {
    const { completions } = this.lines[index]!;
    const at = completions.findIndex((completion) => completion.id === id);
    return at < 0 ? undefined : completions.splice(at, 1)[0]!.bytes;
  }

  /** Sends an RNDIS control message in guest memory. @returns NVSP's status, and the answer */
  control(message: Uint8Array, index = 0): { status: number; answer: Uint8Array | undefined } {
    const { received } = this.lines[0]!;
    const before = received.length;
    const status = this.sendDirect(message, { channel: RndisChannel.Control, index });
    return {
      status,
      answer: received.slice(before).find(({ channel }) => channel === RndisChannel.Control)?.messages[0],
    };
  }

  /** Asks for an OID. */
  queryOid(oid: number, info: Uint8Array = new Uint8Array(0)) {
    const { answer } = this.control(oidRequest(RndisType.Query, oid, info));
    const view = new DataView(answer!.buffer);
    return { status: view.getUint32(12, true), length: view.getUint32(16, true), info: answer!.subarray(24) };
  }

  /** Sets an OID. @returns the RNDIS status */
  setOid(oid: number, info: Uint8Array): number {
    const { answer } = this.control(oidRequest(RndisType.Set, oid, info));
    return new DataView(answer!.buffer).getUint32(12, true);
  }

  /** Sends RNDIS data in guest memory. @returns NVSP's status */
  sendDirect(
    data: Uint8Array,
    options: { channel?: number; index?: number; gpa?: number; offset?: number } = {},
  ): number {
    const { channel = RndisChannel.Data, index = 0, gpa = DATA_GPA, offset = 0 } = options;
    this.memory.write(gpa + offset, data);
    const id = ++this.#id;
    const pages = Array.from({ length: Math.ceil((offset + data.length) / PAGE_SIZE) }, (_, i) => gpa / PAGE_SIZE + i);
    const payload = sized(
      NvspRndisPacket.encode({ type: NvspType.SendRndisPacket, channel, section: NO_SECTION, sectionSize: 0 }),
      this.version,
    );
    invariant(this.lines[index]!.guest.requestDirect(payload, pages, offset, data.length, id, 0), 'the ring has room');
    this.lines[index]!.guest.flush();
    this.settle();
    return statusOf(this.completion(id, index));
  }

  /** Sends RNDIS data by a section of the send buffer. @returns NVSP's status */
  sendBySection(data: Uint8Array, section = 0, size = data.length, index = 0): number {
    this.memory.write(SEND_PAGE * PAGE_SIZE + section * SECTION, data);
    const message = NvspRndisPacket.encode({
      type: NvspType.SendRndisPacket,
      channel: RndisChannel.Data,
      section,
      sectionSize: size,
    });
    return statusOf(this.request(message, index));
  }

  /** Tells the adapter that a packet was read. */
  giveBack(id: number, index = 0, status: number = NvspStatus.Success): void {
    const bytes = NvspRndisPacketComplete.encode({ type: NvspType.SendRndisPacketComplete, status });
    this.lines[index]!.guest.completeTransaction(id, 0, bytes);
    this.lines[index]!.guest.flush();
  }

  /** Frames that came by a channel since this was last asked. */
  frames(index = 0): ReceivedFrame[] {
    this.settle();
    const { received } = this.lines[index]!;
    const data = received.filter(({ channel }) => channel === RndisChannel.Data);
    for (const each of data) received.splice(received.indexOf(each), 1);
    return data.flatMap(({ messages }) => messages.map(readPacket));
  }

  /** Part of the receive buffer, a private copy. */
  receiveBuffer(offset: number, length: number): Uint8Array {
    const copy = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const at = offset + done;
      const part = Math.min(PAGE_SIZE - (at % PAGE_SIZE), length - done);
      const page = SEND_PAGE - 1 - Math.floor(at / PAGE_SIZE);
      this.memory.read(page * PAGE_SIZE + (at % PAGE_SIZE), copy.subarray(done, done + part));
      done += part;
    }
    return copy;
  }

  #gpadl(id: number): GpadlView | undefined {
    if (id !== RECEIVE_GPADL && id !== SEND_GPADL) return undefined;
    this.held.set(id, (this.held.get(id) ?? 0) + 1);
    const count = SEND_PAGE - RECEIVE_PAGE;
    const pages = Float64Array.from({ length: count }, (_, i) =>
      id === SEND_GPADL ? SEND_PAGE + i : SEND_PAGE - 1 - i,
    );
    const release = (): void => void this.held.set(id, this.held.get(id)! - 1);
    return { byteLength: count * PAGE_SIZE, pages, offset: 0, release };
  }
}

const statusOf = (answer: Uint8Array | undefined): number =>
  answer === undefined ? -1 : NvspRndisPacketComplete.decode(answer)!.status;

function sized(message: Uint8Array, version: number): Uint8Array {
  const whole = new Uint8Array(nvspSize(version));
  whole.set(message);
  return whole;
}
