/**
 * Guest: what a TypeScript guest may call. A guest module's default export is given one and runs with it:
 *
 *     export default async function main(guest: Guest) {
 *       await guest.print('hello\n');
 *       return 0;                                  // exit code; nothing counts as 0
 *     }
 *
 * There is nothing else in a guest's world: no files, no network, no clock but this.
 */
import type { GuestMemory } from '@ringlet/microkernel';
import type { KvpPool, KvpValue } from '@ringlet/protocols';
import type { BusClient, Channel, OpenOptions, Packet } from '@ringlet/vmbus';
import type { PageAllocator } from './page-allocator.ts';

/** A guest's driver of a device: the counterpart of a VSP. Constructed when its channel is open. */
export interface Vsc {
  /** One packet from the device. `false` leaves it in the ring until {@link Channel.resume}. */
  packet(packet: Packet, channel: Channel): boolean | void;
  /** All packets that were waiting have been handled. */
  batchEnd?(channel: Channel): void;
  /** The channel is gone: closed by the guest, or taken back by the root. */
  closed?(channel: Channel): void;
}

/** A driver's class, as {@link Guest.open} wants it: it says which devices it drives. */
export interface VscClass<Driver extends Vsc = Vsc> {
  new (channel: Channel, guest: Guest): Driver;
  /** GUID of the device class. */
  readonly interfaceId: string;
  /** Pages of each ring, header page included, unless the opener says otherwise. */
  readonly ringPages?: number;
}

/** Which device to open, and how. */
export interface GuestOpenOptions extends OpenOptions {
  /** GUID of the one device wanted, where there are several of a class. */
  readonly instanceId?: string;
  /** Milliseconds to wait for the device to be offered; without end when absent. */
  readonly timeout?: number;
}

/** Why the host wants the guest to end. */
export interface ShutdownRequest {
  /** The machine shall start anew instead of going off. */
  readonly reboot: boolean;
  /** End now, whatever is running. */
  readonly force: boolean;
  /** For people. */
  readonly message: string;
}

/** The guest's side of key-value exchange: five pools, in memory. */
export interface KeyValues {
  /** The value of a key; `undefined` when the pool has no such key. */
  get(pool: KvpPoolNumber, key: string): KvpValue | undefined;
  /** @throws RangeError when key or value do not fit the protocol */
  set(pool: KvpPoolNumber, key: string, value: KvpValue): void;
  /** Takes a key away. @returns whether it was there */
  delete(pool: KvpPoolNumber, key: string): boolean;
  /** Every key of a pool with its value, in the order in which the keys came. */
  entries(pool: KvpPoolNumber): [key: string, value: KvpValue][];
}

/** Number of a pool of keys: one of `KvpPool`. */
export type KvpPoolNumber = (typeof KvpPool)[keyof typeof KvpPool];

/** One virtual processor of a guest, and the guest that it belongs to. */
export interface Guest {
  /** Words after the guest's file on the command line. */
  readonly args: readonly string[];
  /** Which virtual processor this is. Only number 0 has a bus. */
  readonly vpIndex: number;
  /** Virtual processors of the guest. */
  readonly vpCount: number;
  /** The guest's own memory, from guest-physical address 0 on: all that it can reach. */
  readonly memory: GuestMemory;
  /** The guest's free pages, shared by all its virtual processors. */
  readonly pages: PageAllocator;
  /** The bus. @throws Error on other virtual processors than 0 */
  readonly bus: BusClient;
  /** Keys and values that it shares with the host. */
  readonly keyValues: KeyValues;

  /** Prints text as it is. Resolves when the host has taken it all; waits while the host's sink is full. */
  print(text: string): Promise<void>;
  /** Prints a line with the time since boot before it. */
  log(message: string): Promise<void>;

  /** Milliseconds since the partition was started; fractions count. */
  now(): number;
  /** Resolves after that time, by the machine's clock: in lockstep it takes no time of the host. */
  sleep(milliseconds: number): Promise<void>;
  /** Calls `run` once after `ticks` of 100 ns. @returns cancel. */
  after(ticks: number, run: () => void): () => void;
  /** The host's wall clock in milliseconds since 1970 UTC; `undefined` until the host has told the time. */
  wallClock(): number | undefined;

  /**
   * Waits until a device of the class is offered that nobody here has opened, and opens it with the driver, or as a bare
   * channel. @throws BusError
   */
  open<Driver extends Vsc>(driver: VscClass<Driver>, options?: GuestOpenOptions): Promise<Driver>;
  /** The same without a driver: packets are the caller's. @throws BusError */
  open(interfaceId: string, options?: GuestOpenOptions): Promise<Channel>;
  /** Waits for `count` subchannels of an open device, and opens them. Index order. @throws BusError */
  openSubchannels(primary: Channel, count: number, options?: OpenOptions): Promise<Channel[]>;

  /** Called when the host asks the guest to end; when all handlers are done it powers off or resets. */
  onShutdown(handler: (request: ShutdownRequest) => void | Promise<void>): void;
  /** Ends the machine. What runs, runs until its next `await`. */
  powerOff(code?: number): void;
  /** Starts the machine anew. */
  reset(): void;
  /** Ends the machine and reports why. */
  crash(error: unknown): void;

  /** CPUID: EAX, EBX, ECX, EDX. */
  cpuid(leaf: number, subleaf?: number): readonly [number, number, number, number];
  /** Reads an MSR; `undefined` where real hardware would raise a general protection fault. */
  readMsr(index: number): bigint | undefined;
  /** Writes an MSR. @returns false where real hardware would raise a general protection fault. */
  writeMsr(index: number, value: bigint): boolean;
  /** Makes a hypercall: the input value, and RDX and R8. @returns the result value. */
  hypercall(control: bigint, rdx: bigint, r8: bigint): bigint;
}

/** A guest's file, imported. */
export interface GuestModule {
  /** What virtual processor 0 runs. A number it returns is the exit code. */
  readonly default: (guest: Guest) => void | number | Promise<void | number>;
  /** What the other virtual processors run. When it returns, its processor idles. */
  readonly secondary?: (guest: Guest) => void | Promise<void>;
}
