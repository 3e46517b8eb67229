/** What a debugger needs of a running machine. */
import type { DebuggedPartition } from '@ringlet/x64';

/** A packet that a device was to be given, held back. */
export interface HeldPacket {
  /** Name of the device. */
  readonly device: string;
  readonly channel: number;
  /** Bytes of its payload, and the first of them. */
  readonly length: number;
  readonly head: Uint8Array;
}

/** A machine whose guest runs on x86-64 processors. */
export interface DebugTarget {
  /** Name of the machine. */
  readonly name: string;
  readonly partition: DebuggedPartition;
  /** Plain data about the part of the machine at `path`. @throws UserError `no-such-path` */
  inspect(path: string): Promise<unknown>;
  /** Devices that hold back their packets from now on, by name. @returns the names of all devices */
  holdPackets(devices: readonly string[]): Promise<readonly string[]>;
  /** Lets devices have what was held back. */
  releasePackets(): Promise<void>;
  /** Calls `listener` for each packet that is held back. @returns stops */
  onPacketHeld(listener: (packet: HeldPacket) => void): () => void;
  powerOff(): Promise<void>;
  /** Settles when the machine has ended. @returns its exit code, 0 for success */
  readonly ended: Promise<number>;
}
