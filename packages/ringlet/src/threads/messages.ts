/** What the threads of a machine are started with, and what they say to the thread that manages the machine. */
import type { Exit } from '@ringlet/microkernel';
import type { DeviceHostDescription, DeviceHostEvent, DeviceHostRequests, EntryState } from '@ringlet/root-partition';
import type { DevicePart } from '../machine/parts.ts';
import type { NodeAccess, SystemAccess } from '../machine/system.ts';

/** What the thread of a virtual processor is started with. */
export interface VirtualProcessorStart {
  readonly system: SystemAccess;
  readonly node: NodeAccess;
  /** One word: whether this thread is counted as awake. */
  readonly awake: SharedArrayBuffer;
  /** One word: other than 0 when it is to stop, between two instructions. Its doorbell is rung then. */
  readonly stop: SharedArrayBuffer;
  readonly partition: number;
  readonly vp: number;
  readonly cpus: number;
  /** Ring of the trace, when there is one from the start. */
  readonly trace?: SharedArrayBuffer | undefined;
  /** What the guest's kind needs: see {@link ParavirtualStart} and {@link X64Start}. */
  readonly guest: unknown;
}

/** What the thread of a TypeScript guest's processor needs. */
export interface ParavirtualStart {
  readonly memoryBytes: number;
  readonly args: readonly string[];
}

/** What the thread of an x86-64 processor needs. */
export interface X64Start {
  /** The core, compiled. */
  readonly module: object;
  /** Address of the processor's area in the node. */
  readonly area: number;
  /** State of the platform. */
  readonly platform: SharedArrayBuffer;
  /** Where the first processor starts; the others wait to be started. */
  readonly entry?: EntryState;
}

/** From the thread of a virtual processor. */
export type FromVirtualProcessor =
  | { readonly type: 'console'; readonly bytes: Uint8Array }
  | { readonly type: 'exit'; readonly exit: Exit }
  /** It runs no guest any more, because the guest has ended or it was to stop, and holds nothing: it can be ended. */
  | { readonly type: 'stopped' };

/** To the thread of a virtual processor. */
export type ToVirtualProcessor =
  /** Console bytes were taken, more may be printed. */
  | { readonly type: 'console-taken'; readonly bytes: number }
  /** The ring that its trace is written to. */
  | { readonly type: 'trace'; readonly ring: SharedArrayBuffer };

/** What the device thread of a machine is started with. */
export interface DeviceThreadStart {
  readonly system: SystemAccess;
  readonly node: NodeAccess;
  /** One word: whether this thread is counted as awake. */
  readonly awake: SharedArrayBuffer;
  /** Ring of the trace, when there is one from the start. */
  readonly trace?: SharedArrayBuffer | undefined;
  readonly description: DeviceHostDescription;
  /** Devices from files, in the order of the modules that the thread's code imports. */
  readonly devices: readonly DevicePart[];
}

/** A failure that crosses threads: a {@link UserError} keeps its code and hint, anything else is ours. */
export interface PostedError {
  readonly user: boolean;
  readonly code: string;
  readonly message: string;
  readonly hint?: string | undefined;
  readonly stack?: string | undefined;
}

/** From the device thread. */
export type FromDeviceThread =
  | { readonly type: 'ready' }
  | { readonly type: 'failed'; readonly error: PostedError }
  | { readonly type: 'event'; readonly event: DeviceHostEvent }
  | { readonly type: 'reply'; readonly id: number; readonly value?: unknown; readonly error?: PostedError };

/** A request to the device thread; each is answered by a reply with its id. */
export type ToDeviceThread = {
  [Name in keyof DeviceHostRequests]: {
    readonly id: number;
    readonly name: Name;
    readonly parameters: Parameters<DeviceHostRequests[Name]>[0];
  };
}[keyof DeviceHostRequests];
