import { expect, test } from 'vitest';
import { Control } from '../ring/layout.ts';
import { channelPair, HALF, header } from './channel-pair.ts';
import { PacketType } from './packet.ts';

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

test('a transfer carries its ranges, and takes the room that was promised', () => {
  const { root, child } = channelPair();
  const seen: number[] = [];
  child.onPacket((packet) => {
    seen.push(packet.type, packet.transferSet, packet.rangeCount, packet.u32(0), packet.transactionHigh);
    for (let i = 0; i < packet.rangeCount; i++) seen.push(packet.rangeOffset(i), packet.rangeLength(i));
  });
  const ranges = { set: 0xcafe, count: 2, offsets: [4096, 0x100_0000, 7], lengths: [60, 1514, 7] };

  expect(root.requestTransfer(Uint8Array.of(107, 0, 0, 0), ranges, 5, 6)).toBe(true);
  expect(root.statistics.packetsSent).toBe(1);
  root.flush();
  expect(root.statistics.bytesSent).toBe(root.packetBytes(8 + 8 + 2 * 8));
  child.poll(1);

  expect(seen).toEqual([PacketType.TransferPages, 0xcafe, 2, 107, 6, 4096, 60, 0x100_0000, 1514]);
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
