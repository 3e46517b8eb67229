/**
 * Hostile rings: the peer writes anything anywhere, at any time, and this end must neither throw, nor hang, nor touch a
 * byte that is not the ring's. Bounded here; fast-check prints the seed of a failure.
 */
import { PAGE_SIZE } from '@ringlet/microkernel';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RingChannel } from '../channel/ring-channel.ts';
import { guestMemory, pageRun } from './ring-fixture.ts';
import { RingMemory } from './ring-memory.ts';
import { RingWriter } from './ring-writer.ts';

const RING_PAGES = 3;
const CANARY = 0x5a;
const { InBand, Direct, Transfer, Completion } = { InBand: 6, Direct: 9, Transfer: 7, Completion: 11 };

type Poke = { ring: 0 | 1; page: number; word: number; value: number };
/** What a sane peer does first: packets of valid shape, with ranges that may or may not be. */
type Sent = { type: number; header: number[]; payload: number };
type Step = { sent: Sent[]; pokes: Poke[]; budget: number; answer: number; leave: boolean };

const likelyWord = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.integer({ min: 0, max: 2 * PAGE_SIZE }),
  fc.integer({ min: 0, max: 1024 }).map((n) => n * 8),
  fc
    .tuple(fc.constantFrom(InBand, Direct, Transfer, Completion, 0), fc.integer({ min: 0, max: 40 }))
    .map(([t, o]) => t | (o << 16)),
  fc.tuple(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 2 })).map(([l, f]) => l | (f << 16)),
);
const poke: fc.Arbitrary<Poke> = fc.oneof(
  fc.record({
    ring: fc.constantFrom(0, 1),
    page: fc.constant(0),
    word: fc.constantFrom(0, 0, 0, 1, 2, 3, 16),
    value: likelyWord,
  }),
  fc.record({
    ring: fc.constantFrom(0, 1),
    page: fc.integer({ min: 1, max: 2 }),
    word: fc.integer({ min: 0, max: 15 }),
    value: likelyWord,
  }),
  fc.record({
    ring: fc.constantFrom(0, 1),
    page: fc.integer({ min: 1, max: 2 }),
    word: fc.integer({ min: 0, max: 1023 }),
    value: likelyWord,
  }),
) as fc.Arbitrary<Poke>;
const sent: fc.Arbitrary<Sent> = fc.record({
  type: fc.constantFrom(InBand, InBand, Direct, Transfer, Completion),
  header: fc.oneof(
    { weight: 6, arbitrary: fc.constant<number[]>([0, 1, 512, 0, 7, 0]) },
    {
      weight: 1,
      arbitrary: fc
        .array(fc.oneof(fc.integer({ min: 0, max: 9 }), likelyWord), { maxLength: 9 })
        .map((words) => [0, ...words]),
    },
  ),
  payload: fc.integer({ min: 0, max: 600 }),
});
const seldom = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant<T[]>([]) },
    { weight: 1, arbitrary: fc.array(arbitrary, { maxLength: 6 }) },
  );
const step: fc.Arbitrary<Step> = fc.record({
  sent: fc.array(sent, { maxLength: 5 }),
  pokes: seldom(poke),
  budget: fc.integer({ min: 0, max: 5 }),
  answer: fc.integer({ min: 0, max: 9000 }),
  leave: fc.boolean(),
});

/** One end over a ring pair whose neighbouring pages are canaries. */
function hostileRing(scattered: boolean) {
  const guest = guestMemory({ pages: 2 * RING_PAGES + 2, scattered });
  guest.bytes.fill(CANARY, PAGE_SIZE);
  for (const page of pageRun(1, 2 * RING_PAGES)) guest.fill(page * PAGE_SIZE, 0, PAGE_SIZE);
  const incoming = pageRun(1, RING_PAGES);
  const outgoing = pageRun(1 + RING_PAGES, RING_PAGES);
  const ringBytes = (): Uint8Array => {
    const bytes = new Uint8Array(2 * RING_PAGES * PAGE_SIZE);
    guest.read(PAGE_SIZE, bytes);
    return bytes;
  };
  const canaries = (): number =>
    guest.bytes.subarray(PAGE_SIZE).reduce((sum, byte) => sum + Number(byte === CANARY), 0);
  const scribble = ({ ring, page, word, value }: Poke) => {
    const at = guest.find((ring === 0 ? incoming : outgoing)[page]! * PAGE_SIZE, PAGE_SIZE, 3) / 4 + word;
    guest.words[at] = value;
  };
  const peer = new RingWriter(RingMemory.map(guest, incoming)!);
  const send = ({ type, header, payload }: Sent) => {
    const words = type === Direct || type === Transfer ? header.slice(0, header.length & ~1) : [];
    if (!peer.begin(type, payload & 1, payload, 0, 4 * words.length, payload)) return;
    for (const word of words) peer.u32(word);
    peer.write(new Uint8Array(payload));
    peer.end();
  };
  return { guest, send, publish: () => peer.commit(), incoming, outgoing, canaries, ringBytes, scribble };
}

test('whatever a peer writes into the rings, the channel faults or carries on, and stays within its pages', () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(step, { minLength: 1, maxLength: 25 }), (scattered, steps) => {
      const ring = hostileRing(scattered);
      const own = () => ring.ringBytes().reduce((sum, byte) => sum + Number(byte === CANARY), 0);
      const outside = ring.canaries() - own();
      let now = steps[0]!;
      let handled = 0;
      let touched = 0;
      const channel = new RingChannel({
        relid: 1,
        subchannelIndex: 0,
        userData: new Uint8Array(120),
        memory: ring.guest,
        incoming: ring.incoming,
        outgoing: ring.outgoing,
        signal: () => {},
        pollSoon: () => {},
      });
      channel.onPacket((packet, to) => {
        handled++;
        for (let r = 0; r < Math.min(packet.rangeCount, 4); r++) {
          touched += packet.rangeLength(r) + packet.rangeOffset(r) + packet.rangePage(r, 0);
        }
        touched += packet.u8(0) + packet.u16(now.answer) + packet.u32(packet.length - 3) + packet.payload().length;
        to.complete(packet, new Uint8Array(now.answer));
        to.send(new Uint8Array(now.answer >> 4));
        return !now.leave;
      });

      for (now of steps) {
        now.sent.forEach(ring.send);
        ring.publish();
        now.pokes.forEach(ring.scribble);
        const before = handled;
        channel.poll(now.budget);
        expect(handled - before).toBeLessThanOrEqual(now.budget);
        channel.whenRoom(now.answer, () => channel.send(new Uint8Array(now.answer)));
        channel.resume();
        channel.flush();
      }

      expect(Number.isFinite(touched)).toBe(true);
      expect(['open', 'faulted']).toContain(channel.state);
      expect(channel.state === 'faulted').toBe(channel.fault !== undefined);
      expect(ring.canaries() - own()).toBe(outside);
    }),
    { numRuns: 400 },
  );
});
