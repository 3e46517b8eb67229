/**
 * IntegrationVsc: the guest's end of any integration component. It agrees on versions and answers each request with a
 * message of the same length and transaction id, as Linux's `hv_utils` does; what a request means is its service's affair.
 */
import { decodeIc, decodeIcVersions, encodeIcVersions, IcFlag, IcHeader, IcMessageType } from '@ringlet/protocols';
import { type IcService, IcStatus, type IcVersion, newestIcVersion } from '@ringlet/protocols';
import type { Channel, Packet } from '@ringlet/vmbus';

/** Longest request that is answered: the ring of an integration component holds no longer one. */
const MAX_REQUEST = 16384;

/** What one component does with a request. */
export interface IntegrationHandler {
  readonly service: IcService;
  /**
   * Handles one request of the service's type. It writes its answer over the request's payload.
   *
   * @param version - message version that was agreed
   * @returns the answer's status
   */
  request(payload: Uint8Array, version: IcVersion): number;
}

/** One component's channel. */
export class IntegrationVsc {
  readonly #handler: IntegrationHandler;
  #version: IcVersion | undefined;
  /** Packets that were no message. */
  malformed = 0;

  constructor(handler: IntegrationHandler) {
    this.#handler = handler;
  }

  /** One message from the host: answered at once, or left until there is room for the answer. */
  packet(packet: Packet, channel: Channel): boolean {
    const { length } = packet;
    if (length < IcHeader.size || length > MAX_REQUEST) {
      this.malformed++;
      return true;
    }
    if (!channel.hasRoom(length)) {
      channel.whenRoom(length, () => channel.resume());
      return false;
    }
    const message = packet.payload();
    this.#answer(message);
    channel.send(message, packet.transactionLow, packet.transactionHigh);
    return true;
  }

  /** Turns a request into its answer, in place. */
  #answer(message: Uint8Array): void {
    const { header, payload } = decodeIc(message)!;
    const view = new DataView(message.buffer, message.byteOffset);
    const { service } = this.#handler;
    let status: number = IcStatus.NotSupported;
    if (header.type === IcMessageType.Negotiate) {
      view.setUint16(IcHeader.at.size, this.#negotiate(payload), true);
      status = IcStatus.Success;
    } else if (header.type === service.type && this.#version) {
      status = this.#handler.request(payload, this.#version);
    }
    view.setUint32(IcHeader.at.status, status, true);
    view.setUint8(IcHeader.at.flags, IcFlag.Transaction | IcFlag.Response);
  }

  /** Writes the chosen versions, or counts of zero where nothing matches. @returns the answer's message size */
  #negotiate(payload: Uint8Array): number {
    const offered = decodeIcVersions(payload) ?? { framework: [], message: [] };
    const framework = newestIcVersion(this.#handler.service.framework, offered.framework);
    const version = newestIcVersion(this.#handler.service.message, offered.message);
    this.#version = framework && version;
    const chosen =
      framework && version ? { framework: [framework], message: [version] } : { framework: [], message: [] };
    const answer = encodeIcVersions(chosen);
    payload.set(answer.subarray(0, payload.length));
    return answer.length;
  }
}
