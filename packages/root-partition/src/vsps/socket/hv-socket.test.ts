import type { GuestMemory } from '@ringlet/microkernel';
import { BytePipe, RingChannel } from '@ringlet/vmbus';
import { serviceOfPort } from '@ringlet/protocols';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ByteStream, ByteStreamEvents } from '../../backends/socket/byte-stream.ts';
import { recordedWorld, smallMemory } from '../../testing/guest-hands.ts';
import { HvSocket } from './hv-socket.ts';

const ENDPOINT = '5a0b7c44-9a0e-4d5e-8a52-6c1f0e9d2b01';
const RING_PAGES = 4;

/** The host's end, as a test drives it. */
class FakeStream implements ByteStream {
  readonly received: number[] = [];
  events: ByteStreamEvents | undefined;
  /** How many bytes are welcome. */
  room = Infinity;
  ended = false;
  paused = false;
  released = false;

  start(events: ByteStreamEvents): void {
    this.events = events;
  }

  write(bytes: Uint8Array): boolean {
    this.received.push(...bytes);
    this.room -= bytes.length;
    return this.room > 0;
  }

  end(): void {
    this.ended = true;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  release(): void {
    this.released = true;
  }
}

/** A connection that the guest has opened: both ends of its channel on real rings. */
function connected(memory: GuestMemory = smallMemory()) {
  const world = recordedWorld(memory);
  const stream = new FakeStream();
  const heard = { connected: 0, over: 0 };
  const socket = new HvSocket(world, {
    endpointId: ENDPOINT,
    serviceId: serviceOfPort(1000),
    fromHost: true,
    stream,
    connected: () => heard.connected++,
    over: () => heard.over++,
  });
  const pages = (first: number): Float64Array => Float64Array.from({ length: RING_PAGES }, (_, i) => first + i);
  const end = (incoming: number, outgoing: number): RingChannel =>
    new RingChannel({
      relid: 1,
      subchannelIndex: 0,
      userData: new Uint8Array(120),
      memory,
      incoming: pages(incoming),
      outgoing: pages(outgoing),
      signal: () => {},
    });
  const root = end(0, RING_PAGES);
  const guest = end(RING_PAGES, 0);
  const got = { bytes: [] as number[], ended: 0 };
  const pipe = new BytePipe(guest, {
    data: (bytes) => {
      got.bytes.push(...bytes);
      return bytes.length;
    },
    end: () => void got.ended++,
    fault: () => {},
  });
  expect(socket.opened(root)).toBe(true);
  const work = (): void => {
    while (root.poll(64));
    while (guest.poll(64));
    while (root.poll(64));
  };
  return { world, stream, heard, socket, root, guest, pipe, got, work };
}

const someBytes = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 7)) & 0xff);

test('the offer names the service, the connection, and who began it', () => {
  const { socket } = connected();
  expect(socket.offer).toMatchObject({
    interfaceId: '000003e8-facb-11e6-bd58-64006a7986d3',
    instanceId: ENDPOINT,
    kind: 'hv-socket',
    userDefined: Uint8Array.of(1),
  });
});

test('bytes of any number in any pieces arrive in order, both ways', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ minLength: 1, maxLength: 5000 }), { maxLength: 20 }), (pieces) => {
      const { stream, pipe, got, work } = connected();
      for (const piece of pieces) {
        stream.events!.data(piece);
        work();
        expect(pipe.write(piece)).toBe(piece.length);
        work();
      }
      const all = pieces.flatMap((piece) => [...piece]);
      expect(got.bytes).toEqual(all);
      expect(stream.received).toEqual(all);
    }),
    { numRuns: 25 },
  );
});

test('a host that writes faster than the guest reads is paused, and resumed when all of it has gone', () => {
  const { stream, got, work } = connected();
  const bytes = someBytes(60_000);
  stream.events!.data(bytes);
  expect(stream.paused).toBe(true);
  for (let i = 0; i < 100; i++) work();
  expect(stream.paused).toBe(false);
  expect(Uint8Array.from(got.bytes)).toEqual(bytes);
});

test('bytes that come in spite of the pause are kept behind those that wait', () => {
  const { stream, got, work } = connected();
  const [first, second] = [someBytes(60_000), Uint8Array.of(1, 2, 3)];
  stream.events!.data(first);
  stream.events!.data(second);
  for (let i = 0; i < 100; i++) work();
  expect(got.bytes).toEqual([...first, ...second]);
});

test('a host that does not read leaves the guest’s packets in the ring until it has', () => {
  const { stream, pipe, work } = connected();
  stream.room = 1000;
  let written = 0;
  for (let i = 0; i < 20; i++) {
    written += pipe.write(someBytes(2000));
    work();
  }
  expect(written).toBeLessThan(20 * 2000);
  expect(stream.received.length).toBe(2000);
  stream.room = Infinity;
  stream.events!.drained();
  work();
  expect(stream.received.length).toBe(written);
});

test('H7: each direction ends alone, and the connection when both have', () => {
  const { stream, heard, pipe, got, work } = connected();
  pipe.end();
  work();
  expect({ ended: stream.ended, over: heard.over }).toEqual({ ended: true, over: 0 });
  stream.events!.data(Uint8Array.of(9));
  stream.events!.end();
  work();
  expect(got).toEqual({ bytes: [9], ended: 1 });
  expect(heard).toEqual({ connected: 1, over: 1 });
  expect(stream.released).toBe(true);
});

test('the host’s end waits for bytes that the ring had no room for', () => {
  const { stream, pipe, got, work, heard } = connected();
  pipe.end();
  work();
  stream.events!.data(someBytes(60_000));
  stream.events!.end();
  expect(heard.over).toBe(0);
  for (let i = 0; i < 100; i++) work();
  expect(got).toMatchObject({ ended: 1, bytes: { length: 60_000 } });
  expect(heard.over).toBe(1);
});

test('H6: what a guest wrote before it closed reaches a host that reads slowly', () => {
  const { stream, socket, root, pipe } = connected();
  stream.room = 1;
  for (let i = 0; i < 4; i++) pipe.write(someBytes(2000));
  root.poll(1);
  root.become('closing');
  let closed = false;
  socket.closed(root, () => (closed = true));
  expect(closed).toBe(true);
  expect(stream.received.length).toBe(8000);
  expect(stream.released).toBe(true);
});

test('a stream that is gone ends the connection, once', () => {
  const { stream, socket, heard } = connected();
  stream.events!.closed();
  socket.dispose(() => {});
  expect(heard.over).toBe(1);
});

test('a guest that breaks the pipe’s rules is reported and disconnected', () => {
  const { world, guest, heard, work } = connected();
  const packet = new Uint8Array(16);
  new DataView(packet.buffer).setUint32(0, 77, true);
  guest.send(packet);
  guest.flush();
  work();
  expect(world.guestErrors).toEqual(['socket pipe-type-unknown']);
  expect(heard.over).toBe(1);
});

test('a connection is opened once', () => {
  const { socket, root } = connected();
  expect(socket.opened(root)).toBe(false);
});
