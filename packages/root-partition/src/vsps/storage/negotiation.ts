/**
 * Negotiation: from an opened channel to a controller that takes requests, in named states.
 *
 *     begin ──BEGIN_INITIALIZATION──▶ version ──QUERY_PROTOCOL_VERSION──▶ properties ──QUERY_PROPERTIES──▶ end
 *                                      ▲   │ unsupported                                                    │
 *                                      └───┘                                       END_INITIALIZATION ──▶ ready
 *
 * A packet that does not belong to the state is answered with INVALID_DEVICE_STATE and changes nothing.
 */
import {
  VSTOR_HEADER_SIZE,
  VSTOR_MULTI_CHANNEL,
  VSTOR_PACKET_SIZE,
  VSTOR_PACKET_SIZE_WIN7,
  VstorAt,
  VstorOperation,
  vstorPacketSize,
  VstorProperties,
  VstorProtocolVersion,
  VstorStatus,
  VstorVersion,
} from '@ringlet/protocols';
import type { Packet } from '@ringlet/vmbus';

/** Where negotiation stands. */
export type NegotiationState = 'begin' | 'version' | 'properties' | 'end' | 'ready';

/** The outcome of a negotiation so far, as plain data. */
export interface SavedNegotiation {
  /** How far it is. */
  readonly state: NegotiationState;
  /** vstor version that was agreed, as on the wire; 0 before. */
  readonly version: number;
  /** Subchannels that the guest has asked for. */
  readonly subchannels: number;
}

/** What the controller offers. */
export interface ControllerProperties {
  readonly maxSubchannels: number;
  readonly maxTransferBytes: number;
}

/** The controller's side of the initialization. */
export class Negotiation {
  #state: NegotiationState = 'begin';
  #version = 0;
  #subchannels = 0;
  readonly #properties: ControllerProperties;

  constructor(properties: ControllerProperties) {
    this.#properties = properties;
  }

  get state(): NegotiationState {
    return this.#state;
  }

  get ready(): boolean {
    return this.#state === 'ready';
  }

  /** The version both sides use; 0 before that is known. */
  get version(): number {
    return this.#version;
  }

  /** Subchannels the guest has asked for. */
  get subchannels(): number {
    return this.#subchannels;
  }

  /** Subchannels the guest may ask for: none before Windows 8. */
  get maxSubchannels(): number {
    return this.#version >= VstorVersion.Win8 ? this.#properties.maxSubchannels : 0;
  }

  /** Starts over, for a channel that was opened anew. */
  reset(): void {
    this.#state = 'begin';
    this.#version = 0;
    this.#subchannels = 0;
  }

  /**
   * Size of an answer. Windows checks that it is exactly the version's; before there is a version it is as long as the
   * request, since newer Linux drops shorter answers than it sent.
   */
  answerSize(requestLength: number): number {
    if (this.#version !== 0) return vstorPacketSize(this.#version);
    return requestLength >= VSTOR_PACKET_SIZE ? VSTOR_PACKET_SIZE : VSTOR_PACKET_SIZE_WIN7;
  }

  /**
   * Handles one packet that is not about I/O.
   *
   * @param answer - 64 bytes for the answer, zeroed; its payload is written here, its header by the caller
   * @param primary - whether it came by the primary channel: the others are not asked
   * @returns the answer's status
   */
  handle(operation: number, packet: Packet, answer: Uint8Array, primary: boolean): number {
    switch (operation) {
      case VstorOperation.BeginInitialization:
        return primary && this.#state === 'begin' ? this.#become('version') : VstorStatus.InvalidDeviceState;
      case VstorOperation.QueryProtocolVersion:
        return primary && this.#state === 'version'
          ? this.#chooseVersion(packet, answer)
          : VstorStatus.InvalidDeviceState;
      case VstorOperation.QueryProperties:
        return primary && this.#state === 'properties' ? this.#describe(answer) : VstorStatus.InvalidDeviceState;
      case VstorOperation.CreateSubChannels:
        return primary && (this.#state === 'end' || this.#state === 'ready')
          ? this.#growSubchannels(packet)
          : VstorStatus.InvalidDeviceState;
      case VstorOperation.EndInitialization:
        return primary && this.#state === 'end' ? this.#become('ready') : VstorStatus.InvalidDeviceState;
      default:
        return VstorStatus.InvalidDeviceRequest;
    }
  }

  save(): SavedNegotiation {
    return { state: this.#state, version: this.#version, subchannels: this.#subchannels };
  }

  restore(saved: SavedNegotiation): void {
    this.#state = saved.state;
    this.#version = saved.version;
    this.#subchannels = Math.min(saved.subchannels, this.maxSubchannels);
  }

  #become(state: NegotiationState): number {
    this.#state = state;
    return VstorStatus.Success;
  }

  #chooseVersion(packet: Packet, answer: Uint8Array): number {
    const version = packet.u16(VSTOR_HEADER_SIZE + VstorProtocolVersion.at.version);
    answer[VSTOR_HEADER_SIZE] = version;
    answer[VSTOR_HEADER_SIZE + 1] = version >> 8;
    if (!Object.values(VstorVersion).some((known) => known === version)) return VstorStatus.RevisionMismatch;
    this.#version = version;
    return this.#become('properties');
  }

  #describe(answer: Uint8Array): number {
    const view = new DataView(answer.buffer, answer.byteOffset, answer.byteLength);
    VstorProperties.write(view, VstorAt.payload, {
      maxSubchannels: this.maxSubchannels,
      flags: this.maxSubchannels > 0 ? VSTOR_MULTI_CHANNEL : 0,
      maxTransferBytes: this.#properties.maxTransferBytes,
    });
    return this.#become('end');
  }

  #growSubchannels(packet: Packet): number {
    const count = packet.u16(VSTOR_HEADER_SIZE);
    if (count > this.maxSubchannels) return VstorStatus.InvalidParameter;
    this.#subchannels = Math.max(this.#subchannels, count);
    return VstorStatus.Success;
  }
}
