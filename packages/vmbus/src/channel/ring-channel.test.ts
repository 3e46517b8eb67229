import type { GuestMemory } from '@ringlet/microkernel';
import { expect, test } from 'vitest';
import { Control } from '../ring/layout.ts';
import { guestMemory, pageRun } from '../ring/ring-fixture.ts';
import type { ChannelState } from './channel.ts';
import { PacketType } from './packet.ts';
import { RingChannel, type RingChannelOptions } from './ring-channel.ts';

const RING_PAGES = 2;
/** Payload of which two fit a ring of one data page, and three do not. */
const HALF = new Uint8Array(2000);

/** Both ends of a channel over rings of one page each, and how often each end rang. */
function channelPair(more: Partial<RingChannelOptions> = {}) {
  const memory = guestMemory({ pages: 2 * RING_PAGES });
  const rings = { root: 0, child: 0 };
  const options = (incoming: number, outgoing: number, signal: () => void): RingChannelOptions => ({
    relid: 5,
    subchannelIndex: 0,
    userData: new Uint8Array(120),
    memory,
    incoming: pageRun(incoming, RING_PAGES),
    outgoing: pageRun(outgoing, RING_PAGES),
    signal,
  });
  const child = new RingChannel(options(RING_PAGES, 0, () => void rings.child++));
  const root = new RingChannel({ ...options(0, RING_PAGES, () => void rings.root++), ...more });
  return { memory, root, child, rings };
}

/** A word of the header of the ring from child to root. */
const header = (memory: GuestMemory, word: number): number => memory.words[memory.find(0, 4096, 1) / 4 + word]!;

test('a request is answered by a completion with the same transaction id', () => {
  const { root, child } = channelPair();
  const answers: unknown[] = [];
  root.onPacket((packet, channel) => channel.complete(packet, Uint8Array.of(packet.u8(0) + 1)));
  child.onPacket((packet) => {
    answers.push([packet.type, packet.transactionLow, packet.transactionHigh, packet.u8(0)]);
  });

  child.request(Uint8Array.of(41), 0xfffffffd, 0xffffffff);
  child.flush();
  root.poll(1);
  child.poll(1);

  expect(answers).toEqual([[PacketType.Completion, 0xfffffffd, 0xffffffff, 42]]);
});

test('R10: a packet that asked for no completion gets none, and its transaction id means nothing', () => {
  const { root, child } = channelPair();
  root.onPacket((packet, channel) => expect(channel.complete(packet, new Uint8Array(8))).toBe(true));

  child.send(new Uint8Array(8), 7);
  child.flush();
  root.poll(1);

  expect(root.statistics.packetsSent).toBe(0);
});

test('a direct request carries its pages', () => {
  const { root, child } = channelPair();
  const seen: number[] = [];
  root.onPacket((packet) => {
    seen.push(
      packet.rangeCount,
      packet.rangeLength(0),
      packet.rangeOffset(0),
      packet.rangePage(0, 0),
      packet.rangePage(0, 1),
    );
    seen.push(packet.u32(0), packet.length, packet.transactionLow);
  });

  child.requestDirect(Uint8Array.of(9, 0, 0, 0), [0x1_0000_0003, 8], 100, 4096, 3, 0);
  child.flush();
  root.poll(1);

  expect(seen).toEqual([1, 4096, 100, 0x1_0000_0003, 8, 9, 8, 3]);
});

test('S3: a channel that has nothing to read sleeps unmasked', () => {
  const { memory, root } = channelPair();
  root.onPacket(() => {});

  root.poll(10);

  expect(header(memory, Control.InterruptMask)).toBe(0);
});

test('S4: a wake-up alone does not mask, taking packets does', () => {
  const { memory, root, child } = channelPair();
  const masks: number[] = [];
  root.onPacket(() => void masks.push(header(memory, Control.InterruptMask)));

  root.poll(10);
  masks.push(header(memory, Control.InterruptMask));
  child.send(new Uint8Array(8));
  child.flush();
  root.poll(10);

  expect(masks).toEqual([0, 1]);
});

test('S10: one doorbell serves packets and space: a poll wakes those who wait for room too', () => {
  const { root, child } = channelPair();
  let woken = 0;
  root.onPacket(() => {});
  while (child.send(HALF));
  child.whenRoom(2000, () => woken++);
  expect(woken).toBe(0);

  root.poll(10);
  child.poll(10);

  expect(woken).toBe(1);
});

test('S9: what was asked of the peer is withdrawn before the room is used', () => {
  const { memory, root, child } = channelPair();
  const asked: number[] = [];
  root.onPacket(() => {});
  while (child.send(HALF));
  child.whenRoom(2000, () => void asked.push(header(memory, Control.PendingSendSize)));
  asked.push(header(memory, Control.PendingSendSize));

  root.poll(10);
  child.poll(10);

  expect(asked).toEqual([2024, 0]);
});

test('S11: a batch rings once for the space it returned and the answers it published', () => {
  const { root, child, rings } = channelPair();
  child.onPacket(() => {});
  root.onPacket((packet, channel) => channel.complete(packet, new Uint8Array(8)));
  for (let i = 0; i < 10; i++) child.request(new Uint8Array(40), i, 0);
  child.whenRoom(4000, () => {});

  root.poll(100);

  expect(root.statistics.packetsReceived).toBe(10);
  expect(rings.root).toBe(1);
});

test('a long batch returns space and publishes answers on its way, at least every quarter of the ring', () => {
  const { memory, root, child } = channelPair();
  const returned = new Set<number>();
  root.onPacket(() => void returned.add(header(memory, Control.ReadIndex)));
  for (let i = 0; i < 7; i++) child.send(new Uint8Array(500));
  child.flush();

  root.poll(100);

  expect([...returned]).toEqual([0, 1056, 2112, 3168]);
});

test('S12: a poll that stays masked never asks for a doorbell, the next plain poll does', () => {
  const { memory, root, child } = channelPair();
  root.onPacket(() => {});
  child.send(new Uint8Array(8));
  child.flush();

  root.poll(10, true);
  expect(header(memory, Control.InterruptMask)).toBe(1);
  root.poll(10);
  expect(header(memory, Control.InterruptMask)).toBe(0);
});

test('a spent budget says that more may be waiting', () => {
  const { root, child } = channelPair();
  root.onPacket(() => {});
  for (let i = 0; i < 3; i++) child.send(new Uint8Array(8));
  child.flush();

  expect([root.poll(2), root.poll(2)]).toEqual([true, false]);
  expect(root.statistics.packetsReceived).toBe(3);
});

test('S13: a handler that leaves a packet pauses with the ring unmasked, and gets the same packet on resume', () => {
  const { memory, root, child } = channelPair();
  const seen: number[] = [];
  let ready = false;
  root.onPacket((packet) => {
    seen.push(packet.u8(0));
    return ready;
  });
  for (const first of [1, 2]) child.send(Uint8Array.of(first));
  child.flush();

  root.poll(10);
  root.poll(10);
  expect(seen).toEqual([1]);
  expect(header(memory, Control.InterruptMask)).toBe(0);
  expect(header(memory, Control.ReadIndex)).toBe(0);
  ready = true;
  root.resume();

  expect(seen).toEqual([1, 1, 2]);
  expect(root.statistics.packetsReceived).toBe(2);
});

test('a resume that comes while the handler is still refusing is not lost', () => {
  const { root, child } = channelPair();
  let refusals = 1;
  let handled = 0;
  root.onPacket((_packet, channel) => {
    if (refusals-- > 0) {
      channel.resume();
      return false;
    }
    handled++;
    return true;
  });
  child.send(new Uint8Array(8));
  child.flush();

  root.poll(10);

  expect(handled).toBe(1);
});

test('a handler that refuses and resumes for ever costs the budget, not the thread', () => {
  const { root, child } = channelPair();
  let calls = 0;
  root.onPacket((_packet, channel) => {
    calls++;
    channel.resume();
    return false;
  });
  child.send(new Uint8Array(8));
  child.flush();

  expect(root.poll(10)).toBe(true);
  expect(calls).toBe(10);
});

test('back-pressure: a device that waits for room answers every request, in order', () => {
  const { root, child } = channelPair();
  const answered: number[] = [];
  let asked = 0;
  root.onPacket((packet, channel) => {
    if (channel.complete(packet, HALF)) return true;
    channel.whenRoom(HALF.length, () => channel.resume());
    return false;
  });
  child.onPacket((packet) => void answered.push(packet.transactionLow));

  for (let turn = 0; turn < 40; turn++) {
    while (asked < 20 && child.request(new Uint8Array(100), asked, 0)) asked++;
    child.flush();
    root.poll(4);
    child.poll(1);
  }

  expect(answered).toEqual(Array.from({ length: 20 }, (_, i) => i));
});

test('whoever waits for room is served in order, and only when everyone before had room', () => {
  const { root, child } = channelPair();
  const served: string[] = [];
  root.onPacket(() => {});
  while (child.send(HALF));
  child.whenRoom(2000, () => {
    served.push('large');
    child.send(HALF);
  });
  child.whenRoom(8, () => void served.push('small'));
  expect(served).toEqual([]);

  root.poll(1);
  child.poll(1);

  expect(served).toEqual(['large', 'small']);
});

test('S7: waiting for more room than the ring can ever have is refused', () => {
  const { child } = channelPair();

  expect(child.whenRoom(4096, () => expect.unreachable())).toBe(false);
});

test('room can be promised to others before a packet is accepted', () => {
  const { child } = channelPair();

  expect(child.packetBytes(2000)).toBe(2024);
  expect(child.hasRoom(2000, 2 * 2024 - 2000)).toBe(true);
  expect(child.hasRoom(2000, 2 * 2024)).toBe(false);
});

test('what is sent outside a handler is published by flush, with one doorbell', () => {
  const { memory, root, child, rings } = channelPair();
  root.onPacket(() => {});

  child.send(new Uint8Array(8));
  child.send(new Uint8Array(8));
  expect(header(memory, Control.WriteIndex)).toBe(0);
  child.flush();

  expect(header(memory, Control.WriteIndex)).toBe(64);
  expect(rings.child).toBe(1);
});

test('a handler that throws loses its packet, and neither its batch nor the ring', () => {
  const { memory, root, child } = channelPair();
  const seen: number[] = [];
  root.onPacket((packet) => {
    if (packet.u8(0) === 2) throw new Error('device broke');
    seen.push(packet.u8(0));
  });
  for (const first of [1, 2, 3]) child.send(Uint8Array.of(first));
  child.flush();

  expect(() => root.poll(10)).toThrow('device broke');
  expect(header(memory, Control.ReadIndex)).toBe(64);
  root.poll(10);

  expect(seen).toEqual([1, 3]);
});

test('a ring broken by the peer faults the channel: packets stop, sending says no', () => {
  const { memory, root, child } = channelPair();
  const states: ChannelState[] = [];
  root.state$.subscribe((state) => states.push(state));
  root.onPacket(() => {});
  child.send(new Uint8Array(8));
  child.flush();

  memory.words[memory.find(0, 4096, 1) / 4 + Control.WriteIndex] = 5;
  root.poll(10);

  expect([root.state, root.fault]).toEqual(['faulted', 'write-index-invalid']);
  expect(root.send(new Uint8Array(8))).toBe(false);
  expect(root.whenRoom(8, () => {})).toBe(false);
  expect(states).toEqual(['open', 'faulted']);
});

test('rings that are not in memory make a faulted channel, not an exception', () => {
  const { root } = channelPair({ incoming: [900, 901] });

  expect([root.state, root.fault]).toEqual(['faulted', 'ring-unmapped']);
  expect(root.poll(1)).toBe(false);
});

test('close publishes what was sent, ends the state and leaves the ring alone', () => {
  const { memory, root, child } = channelPair();
  const states: string[] = [];
  child.state$.subscribe({ next: (state) => states.push(state), complete: () => states.push('complete') });
  root.onPacket(() => {});
  child.send(new Uint8Array(8));

  child.close();
  expect(header(memory, Control.WriteIndex)).toBe(32);
  expect(child.send(new Uint8Array(8))).toBe(false);
  child.become('open');

  expect(states).toEqual(['open', 'closed', 'complete']);
});

test('a closing channel takes no more packets, but still answers', () => {
  const { root, child } = channelPair();
  let handled = 0;
  root.onPacket(() => void handled++);
  child.send(new Uint8Array(8));
  child.flush();

  root.become('closing');
  root.poll(10);

  expect(handled).toBe(0);
  expect(root.send(new Uint8Array(8))).toBe(true);
});

test('the opener empties both rings, whatever their pages held', () => {
  const memory = guestMemory({ pages: 2 * RING_PAGES });
  memory.bytes.fill(0xee, memory.find(0, 4096, 1));

  const child = new RingChannel({
    relid: 1,
    subchannelIndex: 0,
    userData: new Uint8Array(120),
    memory,
    incoming: pageRun(RING_PAGES, RING_PAGES),
    outgoing: pageRun(0, RING_PAGES),
    signal: () => {},
    initialize: true,
  });

  expect(child.state).toBe('open');
  expect(header(memory, Control.WriteIndex)).toBe(0);
  expect(header(memory, 100)).toBe(0);
});

test('S14: an end that takes over a channel rings if a signal may have been lost', () => {
  const first = channelPair();
  first.root.onPacket(() => {});
  first.root.poll(1);
  first.child.send(new Uint8Array(8));
  first.child.flush();
  const lost = first.rings.child;
  const heir = new RingChannel({
    relid: 5,
    subchannelIndex: 0,
    userData: new Uint8Array(120),
    memory: first.memory,
    incoming: pageRun(RING_PAGES, RING_PAGES),
    outgoing: pageRun(0, RING_PAGES),
    signal: () => void first.rings.child++,
  });

  heir.signalIfOwed();
  expect(first.rings.child).toBe(lost + 1);
  first.root.poll(1);
  heir.signalIfOwed();
  expect(first.rings.child).toBe(lost + 1);
});

test('batches, doorbells and packets can be observed', () => {
  const { root, child } = channelPair();
  const seen: string[] = [];
  root.onPacket(() => void seen.push('packet'));
  root.batches$.subscribe((channel) => seen.push(`batch of ${channel.relid}`));
  root.doorbell$.subscribe(() => seen.push('doorbell'));
  root.packets$.subscribe((packet) => seen.push(`copy ${packet.transactionId} ${packet.payload[0]}`));
  child.request(Uint8Array.of(3), 1, 1);
  child.request(Uint8Array.of(4), 2, 1);
  child.flush();

  root.rang();
  root.poll(10);

  expect(seen).toEqual(['doorbell', 'copy 4294967297 3', 'packet', 'copy 4294967298 4', 'packet', 'batch of 5']);
  expect(root.statistics.signalsReceived).toBe(1);
});

test('a channel that must not poll by itself asks for a poll instead', () => {
  let asked = 0;
  const { root, child } = channelPair({ pollSoon: () => void asked++ });
  let handled = 0;
  child.send(new Uint8Array(8));
  child.flush();

  root.onPacket(() => void handled++);

  expect([asked, handled]).toEqual([1, 0]);
});

test('statistics count packets, bytes, signals and refusals', () => {
  const { root, child } = channelPair();
  root.onPacket((packet, channel) => channel.complete(packet, new Uint8Array(16)));
  child.onPacket(() => {});
  child.request(HALF, 1, 0);
  child.request(HALF, 2, 0);
  child.request(HALF, 3, 0);
  child.flush();

  root.poll(10);
  child.poll(10);

  expect(child.statistics).toMatchObject({
    packetsSent: 2,
    bytesSent: 2 * 2024,
    packetsReceived: 2,
    bytesReceived: 2 * 40,
    fullEvents: 1,
  });
  expect(root.statistics).toMatchObject({
    packetsSent: 2,
    bytesSent: 2 * 40,
    packetsReceived: 2,
    bytesReceived: 2 * 2024,
  });
});
