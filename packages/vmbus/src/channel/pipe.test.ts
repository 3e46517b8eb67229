import fc from 'fast-check';
import { expect, test } from 'vitest';
import { guestMemory, pageRun } from '../ring/ring-fixture.ts';
import { BytePipe, type ByteReader, MessagePipe, type MessageReader } from './pipe.ts';
import { RingChannel } from './ring-channel.ts';

const RING_PAGES = 8;

function channelEnds() {
  const memory = guestMemory({ pages: 2 * RING_PAGES });
  const end = (incoming: number, outgoing: number): RingChannel =>
    new RingChannel({
      relid: 1,
      subchannelIndex: 0,
      userData: new Uint8Array(120),
      memory,
      incoming: pageRun(incoming, RING_PAGES),
      outgoing: pageRun(outgoing, RING_PAGES),
      signal: () => {},
    });
  return { near: end(0, RING_PAGES), far: end(RING_PAGES, 0), again: () => end(0, RING_PAGES) };
}

/** A reader that takes at most `appetite` bytes at a time, and notes everything. */
function byteReader(appetite = Infinity) {
  const received: number[] = [];
  const reader = {
    received,
    appetite,
    ended: 0,
    faults: [] as string[],
    data(bytes: Uint8Array): number {
      const taken = Math.min(bytes.length, reader.appetite);
      received.push(...bytes.subarray(0, taken));
      return taken;
    },
    end: () => void reader.ended++,
    fault: (fault: string) => void reader.faults.push(fault),
  };
  return reader satisfies ByteReader;
}

function messageReader() {
  const reader = {
    messages: [] as number[][],
    ended: 0,
    faults: [] as string[],
    leave: false,
    message(bytes: Uint8Array): boolean {
      if (reader.leave) return false;
      reader.messages.push([...bytes]);
      return true;
    },
    end: () => void reader.ended++,
    fault: (fault: string) => void reader.faults.push(fault),
  };
  return reader satisfies MessageReader;
}

/** A pipe packet as a peer may write it. */
function pipePacket(type: number, length: number, ...bytes: number[]): Uint8Array {
  const packet = new Uint8Array(8 + bytes.length);
  const view = new DataView(packet.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, length >>> 0, true);
  packet.set(bytes, 8);
  return packet;
}

/** Sends raw packets to a byte pipe. @returns its reader. */
function byteReaderOf(...packets: Uint8Array[]) {
  const { near, far } = channelEnds();
  const reader = byteReader();
  for (const packet of packets) far.send(packet);
  far.flush();
  new BytePipe(near, reader);
  return reader;
}

test('P1: a pipe packet is a type, a length and that many bytes', () => {
  const { near, far } = channelEnds();
  const packets: number[][] = [];
  near.onPacket((packet) => void packets.push([...packet.payload()]));

  new BytePipe(far, byteReader()).write(Uint8Array.of(9, 8, 7));
  near.poll(1);

  expect(packets).toEqual([[1, 0, 0, 0, 3, 0, 0, 0, 9, 8, 7, 0, 0, 0, 0, 0]]);
});

test('P1: a byte stream arrives complete, whatever it was written in', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 9000 }), { maxLength: 5 }),
      fc.integer({ min: 1, max: 5000 }),
      (sizes, appetite) => {
        const { near, far } = channelEnds();
        const reader = byteReader(appetite);
        const receiving = new BytePipe(near, reader);
        const sending = new BytePipe(far, byteReader());
        const total = sizes.reduce((sum, size) => sum + size, 0);
        const stream = Uint8Array.from({ length: total }, (_, i) => (i * 31) & 0xff);
        let written = 0;
        for (let turn = 0; turn < 200 && reader.received.length < total; turn++) {
          written += sending.write(stream.subarray(written, written + (sizes[turn % sizes.length] ?? 0)));
          near.poll(100);
          receiving.resume();
          far.poll(100);
        }

        expect(Uint8Array.from(reader.received)).toEqual(stream.subarray(0, reader.received.length));
        expect(written).toBeGreaterThanOrEqual(reader.received.length);
      },
    ),
    { numRuns: 20 },
  );
});

test('P2: bytes taken from a packet are noted in the ring, so that a new reader carries on behind them', () => {
  const { near, far, again } = channelEnds();
  const first = byteReader(3);
  const second = byteReader();
  new BytePipe(near, first);
  new BytePipe(far, byteReader()).write(Uint8Array.of(1, 2, 3, 4, 5));
  near.poll(1);

  const heir = again();
  new BytePipe(heir, second);

  expect(first.received).toEqual([1, 2, 3]);
  expect(second.received).toEqual([4, 5]);
});

test('P2: a packet that claims to be consumed to its end or beyond is a fault', () => {
  expect(byteReaderOf(pipePacket(2, (3 << 16) | 3, 1, 2, 3)).faults).toEqual(['length-invalid']);
  expect(byteReaderOf(pipePacket(2, (900 << 16) | 3, 1, 2, 3)).faults).toEqual(['length-invalid']);
  expect(byteReaderOf(pipePacket(2, (1 << 16) | 3, 1, 2, 3)).received).toEqual([2, 3]);
});

test('P3: a packet without bytes ends its direction, and only that', () => {
  const { near, far } = channelEnds();
  const reader = byteReader();
  const other = byteReader();
  const receiving = new BytePipe(near, reader);
  const sending = new BytePipe(far, other);

  sending.write(Uint8Array.of(1));
  sending.end();
  near.poll(10);
  receiving.write(Uint8Array.of(2));
  far.poll(10);

  expect([reader.received, reader.ended]).toEqual([[1], 1]);
  expect([other.received, other.ended]).toEqual([[2], 0]);
});

test('P4: an end that nobody was told of is still in the ring for the next reader', () => {
  const { near, far, again } = channelEnds();
  const slow = byteReader(0);
  new BytePipe(near, slow);
  const sending = new BytePipe(far, byteReader());
  sending.write(Uint8Array.of(1));
  sending.end();
  near.poll(10);
  expect(slow.ended).toBe(0);

  const heir = byteReader();
  new BytePipe(again(), heir);

  expect([heir.received, heir.ended]).toEqual([[1], 1]);
});

test('P5: the packet that ends a stream is consumed, so that its sender may free the ring', () => {
  const { near, far } = channelEnds();
  new BytePipe(near, byteReader());
  new BytePipe(far, byteReader()).end();

  near.poll(10);

  expect(near.inspect()['incoming']).toMatchObject({ next: 32, committed: 32 });
});

test('P6: ending a pipe whose channel is closed is no error', () => {
  const { far } = channelEnds();
  const pipe = new BytePipe(far, byteReader());

  far.close();
  pipe.end();

  expect(pipe.write.bind(pipe, Uint8Array.of(1))).toThrow('after its end');
});

test('P7: raw pipes carry packets without a header', () => {
  const { near, far } = channelEnds();
  const reader = messageReader();
  new MessagePipe(near, reader, { raw: true });

  new MessagePipe(far, messageReader(), { raw: true }).send(Uint8Array.of(5, 0, 0, 0, 6, 0, 0, 0));
  near.poll(1);

  expect(reader.messages).toEqual([[5, 0, 0, 0, 6, 0, 0, 0]]);
});

test('P8: a message longer than a pipe packet may be is a fault, and stays in the ring', () => {
  const { near, far } = channelEnds();
  const reader = messageReader();
  new MessagePipe(near, reader);
  far.send(pipePacket(1, 16385, ...new Uint8Array(16385)));
  far.flush();

  near.poll(10);
  near.resume();

  expect(reader.faults).toEqual(['message-too-large']);
  expect(near.inspect()['incoming']).toMatchObject({ next: 0 });
});

test('P8: a partly consumed message is a fault', () => {
  const { near, far } = channelEnds();
  const reader = messageReader();
  const pipe = new MessagePipe(near, reader);
  far.send(pipePacket(2, (1 << 16) | 3, 1, 2, 3));
  far.flush();
  near.poll(10);

  expect(reader.faults).toEqual(['pipe-type-unknown']);
  expect(pipe.fault).toBe('pipe-type-unknown');
});

test('P10: a pipe that could not write asks for room, and asks no more once it has it', () => {
  const { near, far } = channelEnds();
  const reader = byteReader();
  new BytePipe(near, reader);
  const pipe = new BytePipe(far, byteReader());
  let writable = 0;
  while (pipe.write(new Uint8Array(2000)) === 2000);
  pipe.whenWritable(() => writable++);
  expect(far.inspect()['outgoing']).toMatchObject({ pending: 7 * 1024 });

  near.poll(100);
  far.poll(100);

  expect(writable).toBe(1);
  expect(far.inspect()['outgoing']).toMatchObject({ pending: 0 });
});

test('messages keep their boundaries and their exact length', () => {
  const { near, far } = channelEnds();
  const reader = messageReader();
  const receiving = new MessagePipe(near, reader);
  const sending = new MessagePipe(far, messageReader());
  sending.send(Uint8Array.of(1, 2, 3));
  sending.send(Uint8Array.of(4));
  reader.leave = true;
  near.poll(10);
  expect(reader.messages).toEqual([]);

  reader.leave = false;
  receiving.resume();
  sending.end();
  near.poll(10);

  expect(reader.messages).toEqual([[1, 2, 3], [4]]);
  expect(reader.ended).toBe(1);
});

test('headers that no peer should write are faults, told once', () => {
  expect(byteReaderOf(pipePacket(3, 0)).faults).toEqual(['pipe-type-unknown']);
  expect(byteReaderOf(pipePacket(1, 4, 1, 2, 3)).received).toEqual([1, 2, 3, 0]);
  expect(byteReaderOf(pipePacket(1, 9, 1, 2, 3)).faults).toEqual(['length-invalid']);
  expect(byteReaderOf(pipePacket(1, 0xffffffff, 1, 2, 3), pipePacket(3, 0)).faults).toEqual(['message-too-large']);
  expect(byteReaderOf(new Uint8Array(0)).faults).toEqual(['length-invalid']);
});

test('whatever a peer sends, a pipe takes bytes or faults', () => {
  const word = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 0xffffffff }));
  fc.assert(
    fc.property(fc.array(fc.tuple(word, word, fc.uint8Array({ maxLength: 64 })), { maxLength: 8 }), (packets) => {
      const reader = byteReaderOf(...packets.map(([type, length, bytes]) => pipePacket(type, length, ...bytes)));
      expect(reader.faults.length).toBeLessThanOrEqual(1);
      expect(reader.received.length).toBeLessThanOrEqual(packets.length * 72);
    }),
  );
});
