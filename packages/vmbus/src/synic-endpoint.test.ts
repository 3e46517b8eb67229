import { Access, GuestMemory, MemoryNode, PAGE_SIZE, Slat } from '@ringlet/microkernel';
import { expect, test } from 'vitest';
import { SynicEndpoint, SynicMsr, type SynicVp } from './synic-endpoint.ts';

const MESSAGE_PAGE = 0x1000;
const EVENT_PAGE = 0x2000;
const SLOT = MESSAGE_PAGE + 0x200;
const FLAGS = EVENT_PAGE + 0x200;

/** A VP over real guest memory whose registers only remember, and whose interrupts a test queues. */
class FakeVp implements SynicVp {
  readonly memory: GuestMemory;
  readonly registers = new Map<number, bigint>([[SynicMsr.Sint0 + 2, 0x10000n]]);
  readonly writes: number[] = [];
  readonly vectors: number[] = [];
  endOfMessage: () => void = () => {};

  constructor() {
    const node = new MemoryNode({ id: 0, buffer: new SharedArrayBuffer(8 * PAGE_SIZE) });
    const slat = new Slat(node, 7 * PAGE_SIZE, 4);
    for (let page = 0; page < 4; page++) slat.map(page, page, Access.All);
    this.memory = new GuestMemory(node, slat);
  }

  readMsr(index: number): bigint {
    return this.registers.get(index) ?? 0n;
  }

  writeMsr(index: number, value: bigint): void {
    this.writes.push(index);
    this.registers.set(index, value);
    if (index === SynicMsr.EndOfMessage) this.endOfMessage();
  }

  takeInterrupt(): number {
    return this.vectors.shift() ?? -1;
  }

  post(type: number, payload: number[], more = false): void {
    const { view } = this.memory;
    payload.forEach((byte, i) => view.setUint8(SLOT + 16 + i, byte));
    view.setUint8(SLOT + 4, payload.length);
    view.setUint8(SLOT + 5, more ? 1 : 0);
    view.setUint32(SLOT, type, true);
  }
}

function endpoint() {
  const vp = new FakeVp();
  const synic = new SynicEndpoint(vp, { messagePageGpa: MESSAGE_PAGE, eventPageGpa: EVENT_PAGE });
  synic.enable();
  return { vp, synic };
}

test('enabling writes message page, event page, SINT and control, in that order', () => {
  const { vp } = endpoint();

  expect(vp.writes).toEqual([SynicMsr.MessagePage, SynicMsr.EventFlagsPage, SynicMsr.Sint0 + 2, SynicMsr.Control]);
  expect(vp.registers.get(SynicMsr.MessagePage)).toBe(0x1001n);
  expect(vp.registers.get(SynicMsr.EventFlagsPage)).toBe(0x2001n);
  expect(vp.registers.get(SynicMsr.Sint0 + 2)).toBe(0x200f3n);
  expect(vp.registers.get(SynicMsr.Control)).toBe(1n);
});

test('disabling masks the SINT first and keeps register bits that are not ours', () => {
  const { vp, synic } = endpoint();
  vp.registers.set(SynicMsr.MessagePage, 0x1ffdn);
  vp.writes.length = 0;

  synic.disable();

  expect(vp.writes).toEqual([SynicMsr.Sint0 + 2, SynicMsr.MessagePage, SynicMsr.EventFlagsPage, SynicMsr.Control]);
  expect(vp.registers.get(SynicMsr.Sint0 + 2)! & 0x10000n).toBe(0x10000n);
  expect(vp.registers.get(SynicMsr.MessagePage)).toBe(0xffcn);
  expect(synic.enabled).toBe(false);
});

test('each event flag that was set is handed out once, lowest first, and cleared', () => {
  const { vp, synic } = endpoint();
  const seen: number[] = [];
  synic.onEvent((flag) => seen.push(flag));
  for (const flag of [2047, 1, 31, 32]) vp.memory.bytes[FLAGS + (flag >> 3)]! |= 1 << (flag & 7);

  synic.poll();
  synic.poll();

  expect(seen).toEqual([1, 31, 32, 2047]);
  expect(vp.memory.bytes.subarray(FLAGS, FLAGS + 256).every((byte) => byte === 0)).toBe(true);
});

test('event flags of other SINTs are not ours', () => {
  const { vp, synic } = endpoint();
  const seen: number[] = [];
  synic.onEvent((flag) => seen.push(flag));
  vp.memory.bytes[FLAGS - 1] = 0xff;
  vp.memory.bytes[FLAGS + 256] = 0xff;

  synic.poll();

  expect(seen).toEqual([]);
});

test('event flags come before messages', () => {
  const { vp, synic } = endpoint();
  const order: string[] = [];
  synic.onMessage(() => order.push('message') > 0);
  synic.onEvent(() => order.push('event'));
  vp.post(1, [1]);
  vp.memory.bytes[FLAGS] = 2;

  synic.poll();

  expect(order).toEqual(['event', 'message']);
});

test('a handled message frees its slot without an end-of-message when nothing more is queued', () => {
  const { vp, synic } = endpoint();
  const seen: [number, number[]][] = [];
  synic.onMessage((type, payload) => seen.push([type, Array.from(payload)]) > 0);
  vp.post(0x80000010, [7, 8, 9]);

  synic.poll();

  expect(seen).toEqual([[0x80000010, [7, 8, 9]]]);
  expect(vp.memory.view.getUint32(SLOT, true)).toBe(0);
  expect(vp.writes).not.toContain(SynicMsr.EndOfMessage);
});

test('platform gotcha 7: a message with the pending bit is ended by EOM, and the next one is read in the same poll', () => {
  const { vp, synic } = endpoint();
  const seen: number[] = [];
  synic.onMessage((_type, payload) => seen.push(payload[0]!) > 0);
  vp.post(1, [1], true);
  vp.endOfMessage = () => vp.post(1, [2]);

  synic.poll();

  expect(seen).toEqual([1, 2]);
});

test('a message that its handler refuses stays in the slot and is offered again by the next poll', () => {
  const { vp, synic } = endpoint();
  let accept = false;
  let calls = 0;
  synic.onMessage(() => (calls++, accept));
  vp.post(1, [5], true);

  synic.poll();
  expect(vp.memory.view.getUint32(SLOT, true)).toBe(1);
  expect(vp.writes).not.toContain(SynicMsr.EndOfMessage);
  accept = true;
  synic.poll();

  expect(calls).toBe(2);
  expect(vp.memory.view.getUint32(SLOT, true)).toBe(0);
});

test('a payload size beyond 240 is cut to the slot', () => {
  const { vp, synic } = endpoint();
  let size = -1;
  synic.onMessage((_type, payload) => ((size = payload.length), true));
  vp.post(1, [1]);
  vp.memory.view.setUint8(SLOT + 4, 255);

  synic.poll();

  expect(size).toBe(240);
});

test('a sender that refills the slot for ever does not keep a poll from ending', () => {
  const { vp, synic } = endpoint();
  let handled = 0;
  synic.onMessage(() => ++handled > 0);
  vp.endOfMessage = () => vp.post(1, [1], true);
  vp.post(1, [1], true);

  const more = synic.poll();

  expect(more).toBe(true);
  expect(handled).toBeLessThan(1000);
});

test('vectors other than the SINT’s go to the interrupt handler', () => {
  const { vp, synic } = endpoint();
  const seen: number[] = [];
  synic.onInterrupt((vector) => seen.push(vector));
  vp.vectors.push(0xf3, 0xed, 0xf3);

  synic.poll();

  expect(seen).toEqual([0xed]);
});

test('a handler that disables the endpoint ends the poll', () => {
  const { vp, synic } = endpoint();
  const seen: number[] = [];
  synic.onEvent((flag) => {
    seen.push(flag);
    synic.disable();
  });
  vp.memory.bytes[FLAGS] = 0b110;
  vp.post(1, [1]);

  synic.poll();

  expect(seen).toEqual([1]);
  expect(vp.memory.view.getUint32(SLOT, true)).toBe(1);
});
