import fc from 'fast-check';
import { expect, test } from 'vitest';
import { HvStatus } from '../status.ts';
import { At, BUFFERS_PER_SINT, MESSAGE_BUFFERS } from './layout.ts';
import { enqueue } from './message-queue.ts';
import { Guest, MESSAGE_PAGE, Msr, Rig, SINT, VECTOR } from './synic-fixture.ts';

const MASKED = 1 << 16;
const AUTO_EOI = 1 << 17;
const POLLING = 1 << 18;

/** Partition 2 has connection n to a port on SINT n of VP 1/0, for n = 1 … 15; nothing is turned on. */
function wired(): { rig: Rig; guest: Guest; post: (value: number, sint?: number) => HvStatus } {
  const rig = new Rig();
  for (let sint = 1; sint < 16; sint++) {
    rig.ports.createPort(1, sint, { kind: 'message', sint, vp: 0 });
    rig.ports.connectPort(2, sint, 1, sint);
  }
  const guest = new Guest(rig, 1, 0);
  const post = (value: number, sint = SINT): HvStatus => rig.ports.postMessage(2, sint, 1, Uint8Array.of(value));
  return { rig, guest, post };
}

test('Y1: a slot holds type, size, flags, port id and payload; bytes beyond the size are not touched', () => {
  const { rig, guest } = wired();
  guest.listen();
  guest.memory.bytes.fill(0xee, guest.slot() + 4, guest.slot() + 256);
  rig.ports.postMessage(2, SINT, 0x1234_5678, Uint8Array.of(1, 2, 3, 4, 5));
  guest.synic.settle();
  const slot = Array.from(guest.memory.bytes.subarray(guest.slot(), guest.slot() + 28));
  const header = [0x78, 0x56, 0x34, 0x12, 5, 0, 0, 0, SINT, 0, 0, 0, 0, 0, 0, 0];
  expect(slot).toEqual(header.concat([1, 2, 3, 4, 5, 0, 0, 0, 0xee, 0xee, 0xee, 0xee]));
});

test('Y1: a longer message before it leaves nothing behind in the padding of a shorter one', () => {
  const { rig, guest } = wired();
  guest.listen();
  rig.ports.postMessage(2, SINT, 1, new Uint8Array(240).fill(0xaa));
  guest.synic.settle();
  guest.take();
  guest.memory.bytes.fill(0, guest.slot(), guest.slot() + 256);
  rig.ports.postMessage(2, SINT, 1, Uint8Array.of(1));
  guest.synic.settle();
  expect(Array.from(guest.memory.bytes.subarray(guest.slot() + 16, guest.slot() + 20))).toEqual([1, 0, 0, 0]);
});

test('a post rings the doorbell; nothing is in the slot before the VP settles, and its vector is raised once', () => {
  const { rig, guest, post } = wired();
  guest.listen();
  expect(post(1)).toBe(HvStatus.Success);
  expect(rig.rings(1, 0)).toBe(1);
  expect(guest.synic.hasWork).toBe(true);
  expect(guest.type()).toBe(0);
  guest.synic.settle();
  guest.synic.settle();
  expect(guest.type()).toBe(1);
  expect(guest.synic.hasWork).toBe(false);
  expect(rig.raised).toEqual([`1/0:${VECTOR.toString(16)}`]);
});

test('Y5: messages come one at a time in order, and the pending flag says whether more are queued', () => {
  const { guest, post } = wired();
  guest.listen();
  for (const value of [1, 2, 3]) post(value);
  guest.synic.settle();
  const seen = [1, 2, 3].map(() => [guest.pending(), ...guest.take()]);
  expect(seen).toEqual([
    [true, 1],
    [true, 2],
    [false, 3],
  ]);
  expect(guest.type()).toBe(0);
});

test('platform gotcha 7: a message that meets a full slot sets the pending flag, so that the guest writes EOM', () => {
  const { guest, post } = wired();
  guest.listen();
  post(1);
  guest.synic.settle();
  expect(guest.pending()).toBe(false);
  post(2);
  guest.synic.settle();
  expect(guest.pending()).toBe(true);
  expect(guest.take()).toEqual([1]);
  expect(guest.payload()).toEqual([2]);
});

test('Y2: a slot that the guest frees while the pending flag is being set is used at once', () => {
  const { guest, post } = wired();
  guest.listen();
  post(1);
  guest.synic.settle();
  post(2);
  // The guest frees the slot right after our first look at its type.
  const slot = guest.slot() >>> 2;
  const or = Atomics.or;
  let freed = 0;
  Atomics.or = ((array: Int32Array, index: number, value: number) => {
    if (array.byteLength === guest.memory.bytes.byteLength && freed++ === 0) guest.memory.words[slot] = 0;
    return or(array, index, value);
  }) as typeof Atomics.or;
  guest.synic.settle();
  Atomics.or = or;
  expect(freed).toBe(1);
  expect(guest.type()).toBe(1);
  expect(guest.payload()).toEqual([2]);
});

test('Y3: what meets a full slot changes its pending bit and no other bit', () => {
  const { guest, post } = wired();
  guest.listen();
  post(1);
  guest.synic.settle();
  guest.memory.bytes.fill(0x5a, guest.slot(), guest.slot() + 256);
  post(2);
  guest.synic.settle();
  const slot = Array.from(guest.memory.bytes.subarray(guest.slot(), guest.slot() + 256));
  expect(slot).toEqual(Array.from({ length: 256 }, (_, i) => (i === 5 ? 0x5b : 0x5a)));
});

test('Y4: the type is written after everything else in the slot', () => {
  const { rig, guest } = wired();
  guest.listen();
  rig.ports.postMessage(2, SINT, 1, Uint8Array.of(9, 8, 7, 6));
  const atType: number[][] = [];
  const store = Atomics.store;
  Atomics.store = ((array: Int32Array, index: number, value: number) => {
    if (array === guest.memory.words && index === guest.slot() >>> 2) atType.push([guest.type(), ...guest.payload()]);
    return store(array, index, value);
  }) as typeof Atomics.store;
  guest.synic.settle();
  Atomics.store = store;
  expect(atType).toEqual([[0, 9, 8, 7, 6]]);
});

test('Y6: queued messages need no polling: there is no deadline, EOM brings them on', () => {
  const { guest, post } = wired();
  guest.listen();
  post(1);
  post(2);
  guest.synic.settle();
  expect(guest.synic.nextDeadline()).toBe(Infinity);
  guest.free();
  guest.set(Msr.Eom, 0);
  expect(guest.payload()).toEqual([2]);
});

test('a slot freed without EOM is filled at the next settle', () => {
  const { guest, post } = wired();
  guest.listen();
  post(1);
  post(2);
  guest.synic.settle();
  guest.free();
  guest.synic.settle();
  expect(guest.payload()).toEqual([2]);
});

test('Y7: a message to a masked SINT is refused with INVALID_SYNIC_STATE and not kept', () => {
  const { guest, post } = wired();
  guest.listen();
  guest.set(Msr.Sint0 + SINT, MASKED | VECTOR);
  expect(post(1)).toBe(HvStatus.InvalidSynicState);
  guest.set(Msr.Sint0 + SINT, VECTOR);
  expect(guest.type()).toBe(0);
});

test('Y8: a message while SCONTROL or SIMP is off is refused with INVALID_SYNIC_STATE', () => {
  const { guest, post } = wired();
  guest.listen();
  guest.set(Msr.Scontrol, 0);
  expect(post(1)).toBe(HvStatus.InvalidSynicState);
  guest.set(Msr.Scontrol, 1);
  guest.set(Msr.Simp, 0);
  expect(post(1)).toBe(HvStatus.InvalidSynicState);
  guest.set(Msr.Simp, MESSAGE_PAGE | 1);
  expect(post(1)).toBe(HvStatus.Success);
});

test('Y8: what was accepted waits while SCONTROL or SIMP is off, and is delivered when it is on again', () => {
  const { guest, post } = wired();
  guest.listen();
  for (const value of [1, 2, 3]) post(value);
  guest.synic.settle();
  guest.set(Msr.Scontrol, 0);
  expect(guest.take()).toEqual([1]);
  expect(guest.type()).toBe(0);
  guest.set(Msr.Scontrol, 1);
  expect(guest.take()).toEqual([2]);
  guest.set(Msr.Simp, 0);
  guest.set(Msr.Simp, MESSAGE_PAGE | 1);
  expect(guest.take()).toEqual([3]);
});

test('C45: a SINT masked by the guest holds its queue and drains it in order once unmasked', () => {
  const { rig, guest, post } = wired();
  guest.listen();
  for (const value of [1, 2, 3]) post(value);
  guest.set(Msr.Sint0 + SINT, MASKED | VECTOR);
  guest.free();
  guest.synic.settle();
  expect(guest.type()).toBe(0);
  rig.raised.length = 0;
  guest.set(Msr.Sint0 + SINT, VECTOR);
  expect([guest.take(), guest.take()]).toEqual([[2], [3]]);
  expect(rig.raised).toEqual(['1/0:f3', '1/0:f3']);
});

test('Y12: a full queue is INSUFFICIENT_BUFFERS; once the guest takes one message there is room for one', () => {
  const { guest, post } = wired();
  guest.listen();
  let accepted = 0;
  while (post(accepted) === HvStatus.Success) accepted++;
  expect(accepted).toBe(BUFFERS_PER_SINT);
  guest.synic.settle();
  expect([post(100), post(101)]).toEqual([HvStatus.Success, HvStatus.InsufficientBuffers]);
  expect(guest.synic.inspect()).toMatchObject({ refusedFull: 2, sints: { 2: { queued: BUFFERS_PER_SINT } } });
});

test('a SINT that is stuck leaves buffers for the others, and all buffers together are bounded', () => {
  const { guest, post } = wired();
  guest.listen();
  guest.set(Msr.Sint0 + 3, VECTOR);
  for (let i = 0; i < MESSAGE_BUFFERS; i++) post(i);
  const others = Array.from({ length: MESSAGE_BUFFERS }, (_, i) => post(i, 3));
  expect(others.filter((status) => status === HvStatus.Success)).toHaveLength(MESSAGE_BUFFERS - BUFFERS_PER_SINT);
});

test('a SINT whose slot is full does not hold up another', () => {
  const { guest, post } = wired();
  guest.listen();
  guest.set(Msr.Sint0 + 3, VECTOR);
  for (const value of [1, 2]) post(value);
  post(7, 3);
  guest.synic.settle();
  expect(guest.payload(3)).toEqual([7]);
});

test('a polling SINT gets its message and no interrupt', () => {
  const { rig, guest, post } = wired();
  guest.listen(SINT, VECTOR | POLLING);
  post(1);
  guest.synic.settle();
  expect(guest.payload()).toEqual([1]);
  expect(rig.raised).toEqual([]);
});

test('auto-EOI is a matter of the vector, while the SINT that has it is not masked', () => {
  const { guest } = wired();
  guest.listen(SINT, VECTOR | AUTO_EOI);
  guest.set(Msr.Sint0 + 3, 0xe0);
  expect([VECTOR, 0xe0, 0x40].map((vector) => guest.synic.isAutoEoi(vector))).toEqual([true, false, false]);
  guest.set(Msr.Sint0 + SINT, VECTOR | AUTO_EOI | MASKED);
  expect(guest.synic.isAutoEoi(VECTOR)).toBe(false);
});

test('a message on its way while the VP is reset does not reach the VP as it is now, and its buffer is free again', () => {
  const { rig, guest, post } = wired();
  guest.listen();
  const region = rig.vpRegion(1, 0);
  const addressed = Atomics.load(rig.words, region + At.Incarnation);
  guest.synic.reset();
  guest.listen();
  expect(enqueue(rig.words, region, addressed, SINT, 1, 1, Uint8Array.of(66))).toBe(HvStatus.Success);
  post(1);
  guest.synic.settle();
  expect(guest.payload()).toEqual([1]);
  expect(guest.pending()).toBe(false);
  expect(guest.synic.inspect()).toMatchObject({ stale: 1, delivered: 1, sints: { 2: { queued: 0 } } });
});

test('reset throws away what was queued', () => {
  const { guest, post } = wired();
  guest.listen();
  for (const value of [1, 2, 3]) post(value);
  guest.synic.settle();
  post(4);
  guest.synic.reset();
  guest.listen();
  expect(guest.type()).toBe(0);
  expect(Array.from({ length: BUFFERS_PER_SINT }, (_, i) => post(i))).not.toContain(HvStatus.InsufficientBuffers);
});

test('a hostile guest that scribbles over its message page loses its own messages and nothing else', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 256, maxLength: 256 }), (junk) => {
      const { guest, post } = wired();
      guest.listen();
      for (const value of [1, 2, 3]) post(value);
      guest.synic.settle();
      guest.memory.bytes.set(junk, guest.slot());
      guest.set(Msr.Eom, 0);
      guest.free();
      guest.set(Msr.Eom, 0);
      guest.free();
      guest.set(Msr.Eom, 0);
      expect(guest.payload()).toEqual([3]);
    }),
    { numRuns: 20 },
  );
});

test('no interleaving of posts, settling, freeing, EOM, masking and page moves loses, repeats or reorders a message', () => {
  const sints = [1, 2] as const;
  const step = fc.oneof(
    fc.record({ do: fc.constant('post' as const), sint: fc.constantFrom(...sints) }),
    fc.record({ do: fc.constant('take' as const), sint: fc.constantFrom(...sints) }),
    fc.record({
      do: fc.constantFrom('settle', 'eom', 'mask', 'unmask', 'off', 'on', 'page off', 'page on'),
      sint: fc.constantFrom(...sints),
    }),
  );
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 200 }), (steps) => {
      const { guest, post } = wired();
      for (const sint of sints) guest.listen(sint);
      const sent: number[][] = [[], [], []];
      const seen: number[][] = [[], [], []];
      const take = (sint: number): void => {
        if (guest.type(sint) === 0) return;
        seen[sint]!.push(...guest.payload(sint));
        if (guest.free(sint)) guest.set(Msr.Eom, 0);
      };
      const pageOn = (): boolean => (guest.synic.read(Msr.Simp)! & 1n) !== 0n;
      let next = 0;
      for (const { do: what, sint } of steps) {
        if (what === 'post' && post(next & 0xff, sint) === HvStatus.Success) sent[sint]!.push(next++ & 0xff);
        if (what === 'take' && pageOn()) take(sint);
        if (what === 'settle') guest.synic.settle();
        if (what === 'eom') guest.set(Msr.Eom, 0);
        if (what === 'mask') guest.set(Msr.Sint0 + sint, MASKED | VECTOR);
        if (what === 'unmask') guest.set(Msr.Sint0 + sint, VECTOR);
        if (what === 'off' || what === 'on') guest.set(Msr.Scontrol, what === 'on' ? 1 : 0);
        if (what === 'page off' || what === 'page on') guest.set(Msr.Simp, MESSAGE_PAGE | (what === 'page on' ? 1 : 0));
      }
      for (const sint of sints) guest.listen(sint);
      for (const sint of sints) while (guest.type(sint) !== 0) take(sint);
      expect(seen).toEqual(sent);
    }),
    { numRuns: 150 },
  );
});
