import { expect, test } from 'vitest';
import { Control } from '../ring/layout.ts';
import { guestMemory, pageRun } from '../ring/ring-fixture.ts';
import { channelPair, HALF, header, RING_PAGES } from './channel-pair.ts';
import type { ChannelState } from './channel.ts';
import { RingChannel } from './ring-channel.ts';

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
