/** What a debugger asks of a machine's devices: to hold back packets before they are handled. There is no VSP here. */
import { PacketGate } from '@ringlet/vmbus';
import type { Answers, MachinePart } from './machine-part.ts';

/** Bytes of a packet that are told. */
const HEAD_BYTES = 32;

/** A packet that was held back. Plain data. */
export interface PacketHeldEvent {
  /** Tells it from the others. */
  readonly type: 'packet-held';
  /** Name of the device that it is for. */
  readonly device: string;
  /** Number of its channel on the bus. */
  readonly channel: number;
  /** Bytes of its payload, and the first of them. */
  readonly length: number;
  /** Its first bytes. */
  readonly head: Uint8Array;
}

/** What may be asked. */
export interface DebugRequests {
  /** Holds back the packets of these devices from now on, and of no others. @returns the names of all devices */
  holdPackets(parameters: { readonly devices: readonly string[] }): readonly string[];
  /** Gives devices what was held back. */
  releasePackets(parameters: Record<string, never>): void;
}

/** The debugger's part. */
export class MachineDebug implements MachinePart<DebugRequests> {
  readonly vsps = [];
  /** For the bus. */
  readonly gate: PacketGate;
  readonly answers: Answers<DebugRequests>;

  /** @param devices - the names of all devices */
  constructor(options: { report(event: PacketHeldEvent): void; devices(): readonly string[] }) {
    this.gate = new PacketGate((device, packet, { relid }) => {
      const head = new Uint8Array(Math.min(HEAD_BYTES, packet.length));
      packet.copyTo(head);
      options.report({ type: 'packet-held', device, channel: relid, length: packet.length, head });
    });
    this.answers = {
      holdPackets: ({ devices }) => {
        this.gate.hold(devices);
        return options.devices();
      },
      releasePackets: () => this.gate.release(),
    };
  }

  inspect(): Record<string, unknown> {
    return {};
  }
}
