/**
 * A root partition that does what a test tells it, and a virtual processor for the child to meet it on: real guest
 * memory with real SynIC pages, registers that only remember, and hypercalls that end here.
 */
import { Access, GuestMemory, HvStatus, MemoryNode, PAGE_SIZE, Slat } from '@ringlet/microkernel';
import { BusClient, type BusClientOptions } from '../src/child/bus-client.ts';
import type { HypercallVp } from '../src/child/hypercalls.ts';
import type { PageSource } from '../src/child/ring-memory.ts';
import type { BodyOf, Message, ToChild, ToRoot } from '../src/messages/catalogue.ts';
import { decodeToRoot, encodeMessage, isFault } from '../src/messages/codec.ts';
import { Version, versions } from '../src/messages/version.ts';
import { SynicEndpoint, SynicMsr, type SynicVp } from '../src/synic-endpoint.ts';

const PAGES = 512;
const MESSAGE_PAGE = 1;
const EVENT_PAGE = 2;
const INPUT_PAGE = 3;
const FIRST_FREE_PAGE = 8;
const VERSION = { version: Version.V5_3, features: 0 };

/** What a child posted, decoded, and where. */
export type Posted = Message<ToRoot> & { connectionId: number };

/** The child's processor, and the root behind it. */
export class ScriptedRoot implements SynicVp, HypercallVp {
  readonly memory: GuestMemory;
  readonly registers = new Uint32Array(8);
  /** Every message, in order. */
  readonly posted: Posted[] = [];
  /** Connection ids of doorbells, in order. */
  readonly signals: number[] = [];
  /** Statuses for the next posts; success when empty. */
  readonly postStatus: number[] = [];
  /** Timers of the child: run them with {@link elapse}. */
  readonly timers: { ticks: number; run: () => void }[] = [];
  readonly pages = new FirstFit();
  readonly #msrs = new Map<number, bigint>();
  readonly #outbox: Uint8Array[] = [];

  constructor() {
    const node = new MemoryNode({ id: 0, buffer: new SharedArrayBuffer((PAGES + 1) * PAGE_SIZE) });
    const slat = new Slat(node, PAGES * PAGE_SIZE, PAGES);
    for (let page = 0; page < PAGES; page++) slat.map(page, page, Access.All);
    this.memory = new GuestMemory(node, slat);
  }

  readMsr(index: number): bigint {
    return this.#msrs.get(index) ?? 0n;
  }

  writeMsr(index: number, value: bigint): void {
    this.#msrs.set(index, value);
    if (index === SynicMsr.EndOfMessage) this.#deliver();
  }

  takeInterrupt(): number {
    this.#deliver();
    return -1;
  }

  hypercall(): void {
    const [control, , rdx] = this.registers as unknown as [number, number, number];
    if (control === 0x1005d) {
      this.signals.push(rdx);
      this.registers[6] = HvStatus.Success;
      return;
    }
    const { view } = this.memory;
    const connectionId = view.getUint32(rdx, true);
    const status = this.postStatus.shift() ?? HvStatus.Success;
    if (status === HvStatus.Success) {
      const payload = this.memory.bytes.slice(rdx + 16, rdx + 16 + view.getUint32(rdx + 12, true));
      const message = decodeToRoot(payload, VERSION);
      if (isFault(message)) throw new Error(`the child posted a bad message: ${message.fault}`);
      this.posted.push({ ...message, connectionId });
    }
    this.registers[6] = status;
  }

  /** Queues a message for the child's slot. */
  send<N extends ToChild>(name: N, body: BodyOf<N>): void {
    this.#outbox.push(encodeMessage(name, body));
  }

  /** Queues bytes for the child's slot. */
  sendBytes(bytes: Uint8Array): void {
    this.#outbox.push(bytes);
  }

  /** Sets the event flag of a channel. */
  ring(relid: number): void {
    this.memory.bytes[EVENT_PAGE * PAGE_SIZE + 0x200 + (relid >> 3)]! |= 1 << (relid & 7);
  }

  /** The last message of that name. */
  last<N extends ToRoot>(name: N): BodyOf<N> {
    return this.posted.findLast((message) => message.name === name)!.body as BodyOf<N>;
  }

  /** Names of all messages, in order. */
  get names(): string[] {
    return this.posted.map((message) => message.name);
  }

  /** Runs the child's timers that are set now. */
  elapse(): void {
    for (const timer of this.timers.splice(0)) timer.run();
  }

  /** A bus client on this processor. */
  client(options: Partial<BusClientOptions> = {}): BusClient {
    const synic = new SynicEndpoint(this, {
      messagePageGpa: MESSAGE_PAGE * PAGE_SIZE,
      eventPageGpa: EVENT_PAGE * PAGE_SIZE,
    });
    synic.enable();
    return new BusClient({
      vp: this,
      synic,
      pages: this.pages,
      inputPageGpa: INPUT_PAGE * PAGE_SIZE,
      versions,
      after: (ticks, run) => {
        const timer = { ticks, run };
        this.timers.push(timer);
        return () => void this.timers.splice(this.timers.indexOf(timer) >>> 0, 1);
      },
      ...options,
    });
  }

  #deliver(): void {
    const slot = MESSAGE_PAGE * PAGE_SIZE + 0x200;
    if (this.#outbox.length === 0 || this.memory.view.getUint32(slot, true) !== 0) return;
    const message = this.#outbox.shift()!;
    this.memory.bytes.set(message, slot + 16);
    this.memory.view.setUint8(slot + 4, message.length);
    this.memory.view.setUint8(slot + 5, this.#outbox.length > 0 ? 1 : 0);
    this.memory.view.setUint32(slot, 1, true);
  }
}

/** Pages of the child, with a count of what is taken. */
export class FirstFit implements PageSource {
  readonly taken = new Set<number>();

  allocate(count: number): number {
    for (let first = FIRST_FREE_PAGE; first + count <= PAGES; first++) {
      const run = Array.from({ length: count }, (_, i) => first + i);
      if (run.some((page) => this.taken.has(page))) continue;
      for (const page of run) this.taken.add(page);
      return first;
    }
    return -1;
  }

  free(firstPage: number, count: number): void {
    for (let page = firstPage; page < firstPage + count; page++) {
      if (!this.taken.delete(page)) throw new Error(`page ${page} was freed twice`);
    }
  }
}

/** An offer as a root sends it. */
export const offerBody = (relid: number, changes: Partial<BodyOf<'OfferChannel'>> = {}): BodyOf<'OfferChannel'> => ({
  interfaceId: 'ba6163d9-04a1-4d29-b605-72e2ffb1dc7f',
  instanceId: `00000000-0000-0000-0000-${relid.toString(16).padStart(12, '0')}`,
  flags: 0,
  mmioMegabytes: 0,
  userDefined: new Uint8Array(120),
  subchannelIndex: 0,
  mmioMegabytesOptional: 0,
  relid,
  monitorId: 0xff,
  monitorAllocated: 0,
  dedicatedInterrupt: 1,
  connectionId: 0x2000 | relid,
  ...changes,
});

/** Lets the continuations of settled promises run. */
export const settled = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Accepts the contact of `client` and offers what `offers` lists. */
export async function connect(root: ScriptedRoot, client: BusClient, offers: BodyOf<'OfferChannel'>[]): Promise<void> {
  const connected = client.connect();
  root.send('VersionResponse', { supported: 1, connectionState: 0, connectionIdOrVersion: 4 });
  for (const offer of offers) root.send('OfferChannel', offer);
  root.send('AllOffersDelivered', {});
  client.poll();
  await connected;
}

/** Answers the GPADL and the opening of `relid`, which the child has just begun. */
export function accept(root: ScriptedRoot, client: BusClient, relid: number): void {
  const { gpadl } = root.last('GpadlHeader');
  root.send('GpadlCreated', { relid, gpadl, status: 0 });
  client.poll();
  root.send('OpenResult', { relid, openId: root.last('OpenChannel').openId, status: 0 });
  client.poll();
}
