/**
 * Negotiation: from an opened channel to an adapter that has its buffers, and how many channels it has.
 *
 *     begin ──INIT──▶ negotiated ──SEND_NDIS_CONFIG, SEND_NDIS_VERSION, SEND_RECEIVE_BUFFER, SEND_SEND_BUFFER,
 *      ▲   │ refused                SUBCHANNEL, in any order, each once
 *      └───┘
 *
 * A message that does not belong to the state is answered with a failure and changes nothing.
 */
import {
  ALLOCATE_SUBCHANNELS,
  NvspBuffer,
  NvspInit,
  NvspInitComplete,
  NvspNdisConfig,
  NvspNdisVersion,
  NvspReceiveBufferComplete,
  NvspRevoke,
  NvspSendBufferComplete,
  nvspSize,
  NvspStatus,
  NvspSubchannel,
  NvspSubchannelComplete,
  NvspType,
  NvspVersion,
} from '@ringlet/protocols';
import type { Packet } from '@ringlet/vmbus';

/** MTU and Ethernet header of a guest that says nothing. */
const STANDARD_FRAME = 1514;
const ETHERNET_HEADER = 14;
/** NVSP 1 to 6.1 have this in common; what drivers make of it is not known. */
const MOST_MDL_CHAIN = 34;
const NO_GPADL = 0;

/** A negotiation so far, as plain data. */
export interface SavedNvsp {
  /** NVSP version, as on the wire; 0 before it was agreed. */
  readonly version: number;
  /** Largest frame, header included. */
  readonly frameBytes: number;
  /** Major version of NDIS that the driver speaks. */
  readonly ndisMajor: number;
  /** Minor version of NDIS that the driver speaks. */
  readonly ndisMinor: number;
  /** Id of the GPADL of the receive buffer; 0 without one. */
  readonly receiveGpadl: number;
  /** What the driver calls the receive buffer. */
  readonly receiveId: number;
  /** Id of the GPADL of the send buffer; 0 without one. */
  readonly sendGpadl: number;
  /** What the driver calls the send buffer. */
  readonly sendId: number;
  /** Subchannels that it was granted. */
  readonly subchannels: number;
}

/** What the adapter does about a message. Each answers whether it could. */
export interface NegotiationEffects {
  /** The guest gives a receive buffer. @returns suballocations, 0 when it cannot be used */
  receiveBuffer(gpadl: number, id: number, frameBytes: number): { readonly size: number; readonly count: number };
  /** The guest gives a send buffer. @returns bytes of a section, 0 when it cannot be used */
  sendBuffer(gpadl: number): number;
  revokeReceive(): void;
  revokeSend(): void;
  offerSubchannels(count: number): void;
}

/** Limits that the adapter has. */
export interface NegotiationLimits {
  readonly mtu: number;
  readonly maxSubchannels: number;
}

/** How a message was met: `malformed` counts as the guest's mistake. */
export interface Outcome {
  /** Bytes of the answer that mean something; the rest of a message is zero. 0: an empty completion. */
  readonly answer: number;
  readonly malformed: string | undefined;
}

const SILENT: Outcome = { answer: 0, malformed: undefined };
const wrong = (what: string, answer = 0): Outcome => ({ answer, malformed: what });

/** The adapter's side of NVSP's initialization. */
export class Negotiation {
  readonly #limits: NegotiationLimits;
  readonly #effects: NegotiationEffects;
  #version = 0;
  #frameBytes = STANDARD_FRAME;
  #ndisMajor = 0;
  #ndisMinor = 0;
  #receiveGpadl = NO_GPADL;
  #receiveId = 0;
  #sendGpadl = NO_GPADL;
  #sendId = 0;
  #subchannels = 0;

  constructor(limits: NegotiationLimits, effects: NegotiationEffects) {
    this.#limits = limits;
    this.#effects = effects;
  }

  /** The version both sides use; 0 before that is known. */
  get version(): number {
    return this.#version;
  }

  /** Bytes of a message of that version. */
  get messageSize(): number {
    return nvspSize(this.#version);
  }

  /** Frames that need not be cut: MTU and Ethernet header. */
  get frameBytes(): number {
    return this.#frameBytes;
  }

  get mtu(): number {
    return this.#frameBytes - ETHERNET_HEADER;
  }

  /** Subchannels the guest has asked for. */
  get subchannels(): number {
    return this.#subchannels;
  }

  /** Subchannels the guest may ask for: none before version 5. */
  get maxSubchannels(): number {
    return this.#version >= NvspVersion.V5 ? this.#limits.maxSubchannels : 0;
  }

  /** NDIS version of the driver, as `major << 16 | minor`. */
  get ndisVersion(): number {
    return (this.#ndisMajor << 16) | this.#ndisMinor;
  }

  /** Starts over, for a channel that was opened anew. */
  reset(): void {
    this.restore(FRESH);
  }

  /**
   * Handles one message that carries no RNDIS.
   *
   * @param answer - for the answer, zeroed, of the longest size
   */
  handle(type: number, packet: Packet, answer: DataView): Outcome {
    if (type === NvspType.Init) return this.#init(packet, answer);
    if (this.#version === 0) return wrong('a message before a version was agreed');
    switch (type) {
      case NvspType.SendNdisVersion:
        this.#ndisMajor = packet.u32(NvspNdisVersion.at.major) & 0xffff;
        this.#ndisMinor = packet.u32(NvspNdisVersion.at.minor) & 0xffff;
        return SILENT;
      case NvspType.SendNdisConfig:
        return this.#configure(packet);
      case NvspType.SendReceiveBuffer:
        return this.#receiveBuffer(packet, answer);
      case NvspType.SendSendBuffer:
        return this.#sendBuffer(packet, answer);
      case NvspType.RevokeReceiveBuffer:
        if (this.#receiveGpadl === NO_GPADL || packet.u16(NvspRevoke.at.id) !== this.#receiveId) {
          return wrong('a buffer taken back that was not given');
        }
        this.#receiveGpadl = NO_GPADL;
        this.#effects.revokeReceive();
        return SILENT;
      case NvspType.RevokeSendBuffer:
        if (this.#sendGpadl === NO_GPADL || packet.u16(NvspRevoke.at.id) !== this.#sendId) {
          return wrong('a buffer taken back that was not given');
        }
        this.#sendGpadl = NO_GPADL;
        this.#effects.revokeSend();
        return SILENT;
      case NvspType.Subchannel:
        return this.#growSubchannels(packet, answer);
      case NvspType.SwitchDataPath:
        // Answered, as Linux waits for it; there is no other data path.
        return wrong('a switch to a virtual function that is not there');
      default:
        return wrong('a message that no one knows');
    }
  }

  save(): SavedNvsp {
    return {
      version: this.#version,
      frameBytes: this.#frameBytes,
      ndisMajor: this.#ndisMajor,
      ndisMinor: this.#ndisMinor,
      receiveGpadl: this.#receiveGpadl,
      receiveId: this.#receiveId,
      sendGpadl: this.#sendGpadl,
      sendId: this.#sendId,
      subchannels: this.#subchannels,
    };
  }

  restore(saved: SavedNvsp): void {
    this.#version = saved.version;
    this.#frameBytes = saved.frameBytes;
    this.#ndisMajor = saved.ndisMajor;
    this.#ndisMinor = saved.ndisMinor;
    this.#receiveGpadl = saved.receiveGpadl;
    this.#receiveId = saved.receiveId;
    this.#sendGpadl = saved.sendGpadl;
    this.#sendId = saved.sendId;
    this.#subchannels = saved.subchannels;
  }

  #init(packet: Packet, answer: DataView): Outcome {
    const lowest = packet.u32(NvspInit.at.lowest);
    const highest = packet.u32(NvspInit.at.highest);
    const known = Object.values(NvspVersion).some((version) => version === highest);
    const again = this.#version !== 0;
    const accepted = known && lowest === highest && !again;
    if (accepted) this.#version = highest;
    NvspInitComplete.write(answer, 0, {
      type: NvspType.InitComplete,
      version: highest === NvspVersion.V1 ? highest : 0xffff_ffff,
      maximumMdlChain: MOST_MDL_CHAIN,
      // Drivers ask for newer versions first: one that is not known is no mistake.
      status: accepted ? NvspStatus.Success : NvspStatus.None,
    });
    return again
      ? wrong('a second initialization', NvspInitComplete.size)
      : { ...SILENT, answer: NvspInitComplete.size };
  }

  #configure(packet: Packet): Outcome {
    if (this.#version < NvspVersion.V2) return wrong('a message of a newer version');
    if (this.#receiveGpadl !== NO_GPADL) return wrong('an MTU that comes after the receive buffer');
    const frameBytes = packet.u32(NvspNdisConfig.at.mtu);
    const most = this.#limits.mtu + ETHERNET_HEADER;
    // As the Windows switch does: what is out of range is the standard.
    const fits = frameBytes >= Math.min(STANDARD_FRAME, most) && frameBytes <= most;
    this.#frameBytes = fits ? frameBytes : Math.min(STANDARD_FRAME, most);
    return SILENT;
  }

  #receiveBuffer(packet: Packet, answer: DataView): Outcome {
    const gpadl = packet.u32(NvspBuffer.at.gpadl);
    const id = packet.u16(NvspBuffer.at.id);
    const again = this.#receiveGpadl !== NO_GPADL;
    const { size, count } =
      again || gpadl === NO_GPADL ? { size: 0, count: 0 } : this.#effects.receiveBuffer(gpadl, id, this.#frameBytes);
    const good = count > 0;
    if (good) {
      this.#receiveGpadl = gpadl;
      this.#receiveId = id;
    }
    NvspReceiveBufferComplete.write(answer, 0, {
      type: NvspType.SendReceiveBufferComplete,
      status: good ? NvspStatus.Success : NvspStatus.Fail,
      sections: good ? 1 : 0,
      offset: 0,
      size,
      count,
      endOffset: size * count,
    });
    return { answer: NvspReceiveBufferComplete.size, malformed: good ? undefined : 'a receive buffer of no use' };
  }

  #sendBuffer(packet: Packet, answer: DataView): Outcome {
    const gpadl = packet.u32(NvspBuffer.at.gpadl);
    const again = this.#sendGpadl !== NO_GPADL;
    const sectionSize = again || gpadl === NO_GPADL ? 0 : this.#effects.sendBuffer(gpadl);
    const good = sectionSize > 0;
    if (good) {
      this.#sendGpadl = gpadl;
      this.#sendId = packet.u16(NvspBuffer.at.id);
    }
    NvspSendBufferComplete.write(answer, 0, {
      type: NvspType.SendSendBufferComplete,
      status: good ? NvspStatus.Success : NvspStatus.Fail,
      sectionSize,
    });
    return { answer: NvspSendBufferComplete.size, malformed: good ? undefined : 'a send buffer of no use' };
  }

  #growSubchannels(packet: Packet, answer: DataView): Outcome {
    const operation = packet.u32(NvspSubchannel.at.operation);
    const count = packet.u32(NvspSubchannel.at.count);
    const good = operation === ALLOCATE_SUBCHANNELS && count > 0 && count <= this.maxSubchannels;
    NvspSubchannelComplete.write(answer, 0, {
      type: NvspType.Subchannel,
      status: good ? NvspStatus.Success : NvspStatus.Fail,
      count: good ? count : 0,
    });
    if (good && count > this.#subchannels) {
      this.#subchannels = count;
      this.#effects.offerSubchannels(count);
    }
    return { answer: NvspSubchannelComplete.size, malformed: good ? undefined : 'subchannels that there are not' };
  }
}

const FRESH: SavedNvsp = {
  version: 0,
  frameBytes: STANDARD_FRAME,
  ndisMajor: 0,
  ndisMinor: 0,
  receiveGpadl: NO_GPADL,
  receiveId: 0,
  sendGpadl: NO_GPADL,
  sendId: 0,
  subchannels: 0,
};
