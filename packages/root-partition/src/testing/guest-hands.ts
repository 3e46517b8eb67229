/**
 * A guest's hands on the other end of any VSP: real rings in real guest memory, without a bus or a microkernel.
 *
 *     page 0..3    outgoing ring of the guest (header, 3 data pages)
 *     page 4..7    incoming ring of the guest
 *     page 8..15   memory for GPA-direct ranges
 */
import { Access, GuestMemory, MemoryNode, PAGE_SIZE, Slat } from '@ringlet/microkernel';
import { type Channel, type DeviceWorld, PacketType, RingChannel, type Vsp } from '@ringlet/vmbus';

const RING_PAGES = 4;
const GUEST_PAGES = 16;
/** First of the guest's pages that no ring uses. */
export const FREE_PAGE = 2 * RING_PAGES;
/** Pages from {@link FREE_PAGE} on. */
export const FREE_PAGES = GUEST_PAGES - FREE_PAGE;

/** A packet as the guest received it. */
export interface Answer {
  /** One of `PacketType`. */
  readonly type: number;
  /** Of a completion: that of the request. */
  readonly transactionId: bigint;
  /** Its bytes. */
  readonly payload: Uint8Array;
}

/** The guest's end of a device's channel. */
export interface GuestHands {
  /** The guest's memory, for buffers that requests name. */
  readonly memory: GuestMemory;
  /** Sends one in-band packet that asks for a completion, and lets the device work. @returns what came back. */
  send(payload: Uint8Array, transactionId?: bigint): Answer[];
  /** The same with one GPA-direct range in the guest's memory. */
  sendDirect(payload: Uint8Array, gpa: number, length: number, transactionId?: bigint): Answer[];
  /** What came back since, for devices whose backends answer later. */
  receive(): Answer[];
}

/** Guest mistakes a device reported. */
export interface RecordedWorld extends DeviceWorld {
  /** Every phrase that `guestError` was called with, in order. */
  readonly guestErrors: string[];
  /** Advances the clock and runs what became due. */
  advance(ticks: number): void;
}

/** Guest memory with rings' worth of pages, mapped one to one. */
export function smallMemory(): GuestMemory {
  const tableBytes = Slat.tableBytes(GUEST_PAGES);
  const node = new MemoryNode({ id: 0, buffer: new SharedArrayBuffer(GUEST_PAGES * PAGE_SIZE + tableBytes) });
  const slat = new Slat(node, GUEST_PAGES * PAGE_SIZE, GUEST_PAGES);
  for (let page = 0; page < GUEST_PAGES; page++) slat.map(page, page, Access.ReadWrite);
  return new GuestMemory(node, slat);
}

/** A world whose clock stands still until it is advanced. */
export function recordedWorld(memory: GuestMemory): RecordedWorld {
  let now = 0;
  const timers = new Set<{ due: number; run: () => void }>();
  const guestErrors: string[] = [];
  return {
    memory,
    guestErrors,
    clock: { now: () => now },
    log: { guestError: (what) => void guestErrors.push(what), info: () => {} },
    after(ticks, run) {
      const timer = { due: now + ticks, run };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    advance(ticks) {
      now += ticks;
      for (const timer of [...timers].toSorted((a, b) => a.due - b.due)) {
        if (timer.due <= now && timers.delete(timer)) timer.run();
      }
    },
  };
}

/** Opens a channel to a device and returns the guest's end of it. */
export function guestHands(vsp: Vsp, memory: GuestMemory): GuestHands {
  const pages = (first: number) => Float64Array.from({ length: RING_PAGES }, (_, i) => first + i);
  const end = (incoming: number, outgoing: number, signal: () => void) =>
    new RingChannel({
      relid: 1,
      subchannelIndex: 0,
      userData: new Uint8Array(120),
      memory,
      incoming: pages(incoming),
      outgoing: pages(outgoing),
      signal,
    });
  const root = end(0, RING_PAGES, () => {});
  const guest: Channel = end(RING_PAGES, 0, () => {});
  const answers: Answer[] = [];
  guest.onPacket((packet) => {
    const transactionId = (BigInt(packet.transactionHigh >>> 0) << 32n) | BigInt(packet.transactionLow >>> 0);
    answers.push({ type: packet.type, transactionId, payload: packet.payload() });
  });
  vsp.attached?.({ offerSubchannels: () => {}, gpadl: () => undefined });
  // As on the bus: a device that takes packets in another way says so when it is opened.
  root.onPacket(
    (packet, channel) => vsp.packet(packet, channel),
    (channel) => vsp.batchEnd?.(channel),
  );
  if (vsp.opened?.(root) === false) throw new Error(`${vsp.offer.name} refused to open`);

  const receive = (): Answer[] => {
    while (root.poll(64));
    root.flush();
    while (guest.poll(64));
    return answers.splice(0);
  };
  const halves = (id: bigint): [number, number] => [Number(id & 0xffff_ffffn), Number(id >> 32n)];
  return {
    memory,
    receive,
    send(payload, transactionId = 1n) {
      guest.request(payload, ...halves(transactionId));
      guest.flush();
      return receive();
    },
    sendDirect(payload, gpa, length, transactionId = 1n) {
      const first = Math.floor(gpa / PAGE_SIZE);
      const count = Math.ceil(((gpa % PAGE_SIZE) + length) / PAGE_SIZE);
      const range = Array.from({ length: count }, (_, i) => first + i);
      guest.requestDirect(payload, range, gpa % PAGE_SIZE, length, ...halves(transactionId));
      guest.flush();
      return receive();
    },
  };
}

/** Whether an answer completes a request rather than being sent by the device on its own. */
export const isCompletion = (answer: Answer): boolean => answer.type === PacketType.Completion;
