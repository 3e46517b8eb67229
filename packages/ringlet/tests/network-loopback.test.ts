/** The network driver against the network adapter: real rings in one partition's memory, no bus between them. */
import { NetworkAdapter, type NetworkGuest } from '@ringlet/child-partition';
import { Access, GuestMemory, MemoryNode, PAGE_SIZE, Slat } from '@ringlet/microkernel';
import { type FrameOffload, type NetworkPort, NetworkVsp } from '@ringlet/root-partition';
import { RingChannel } from '@ringlet/vmbus';
import fc from 'fast-check';
import { expect, test } from 'vitest';

const PAGES = 4096;
const RING_PAGES = 128;

/** A port that gives back what it gets, when it is told to. */
class LoopPort implements NetworkPort {
  readonly mtu: number;
  readonly waiting: { frame: Uint8Array; offload: FrameOffload }[] = [];
  deliver: (frame: Uint8Array, offload?: FrameOffload) => boolean = () => false;
  #changed = (_up: boolean): void => {};
  readonly link = { up: true, onChange: (changed: (up: boolean) => void) => void (this.#changed = changed) };

  constructor(mtu: number) {
    this.mtu = mtu;
  }

  send(frame: Uint8Array, offload?: FrameOffload): boolean {
    this.waiting.push({
      frame: frame.slice(),
      offload: { segmentSize: 0, checksumPartial: false, vlan: offload?.vlan },
    });
    return true;
  }

  onReceive(sink: typeof this.deliver | undefined): void {
    this.deliver = sink ?? (() => false);
  }

  release(): void {
    for (const { frame, offload } of this.waiting.splice(0)) this.deliver(frame, offload);
  }

  setLink(up: boolean): void {
    this.link.up = up;
    this.#changed(up);
  }

  inspect(): Record<string, unknown> {
    return {};
  }

  dispose(done: () => void): void {
    done();
  }
}

/** A guest with the driver, a root with the adapter, and the memory between them. */
class Bench {
  readonly memory: GuestMemory;
  readonly port: LoopPort;
  readonly vsp: NetworkVsp;
  readonly guestErrors: string[] = [];
  readonly guest: RingChannel;
  readonly root: RingChannel;
  readonly nic: NetworkAdapter;
  freePages = 0;
  #soon: (() => void)[] = [];

  constructor(options: { mtu?: number; wanted?: number; maxVersion?: number } = {}) {
    const { mtu = 1500, wanted = 1500 } = options;
    const node = new MemoryNode({
      id: 0,
      buffer: new SharedArrayBuffer(PAGES * PAGE_SIZE + Slat.tableBytes(PAGES)),
    });
    const slat = new Slat(node, PAGES * PAGE_SIZE, PAGES);
    slat.mapRun(0, 0, PAGES, Access.ReadWrite);
    this.memory = new GuestMemory(node, slat);
    this.port = new LoopPort(mtu);
    this.vsp = new NetworkVsp(
      {
        memory: this.memory,
        clock: { now: () => 0 },
        log: { guestError: (what) => void this.guestErrors.push(what), info: () => {} },
        after: () => () => {},
      },
      { port: this.port, soon: (run) => void this.#soon.push(run) },
    );
    const gpadls = new Map<number, { byteCount: number; byteOffset: number; pages: Float64Array }>();
    this.vsp.attached({
      offerSubchannels: () => {},
      gpadl: (id) => {
        const range = gpadls.get(id);
        return (
          range && { byteLength: range.byteCount, offset: range.byteOffset, pages: range.pages, release: () => {} }
        );
      },
    });
    const end = (incoming: number, outgoing: number): RingChannel =>
      new RingChannel({
        relid: 1,
        subchannelIndex: 0,
        userData: new Uint8Array(120),
        memory: this.memory,
        incoming: Array.from({ length: RING_PAGES }, (_, i) => incoming + i),
        outgoing: Array.from({ length: RING_PAGES }, (_, i) => outgoing + i),
        signal: () => {},
        pollSoon: () => {},
      });
    this.guest = end(RING_PAGES, 0);
    this.root = end(0, RING_PAGES);
    const free = Array.from({ length: PAGES - 2 * RING_PAGES }, () => true);
    this.freePages = free.length;
    const world: NetworkGuest = {
      memory: this.memory,
      pages: {
        allocate: (count) => {
          let run = 0;
          const last = free.findIndex((is) => (run = is ? run + 1 : 0) === count);
          if (last < 0) return -1;
          free.fill(false, last - count + 1, last + 1);
          this.freePages -= count;
          return 2 * RING_PAGES + last - count + 1;
        },
        free: (first, count) => {
          free.fill(true, first - 2 * RING_PAGES, first - 2 * RING_PAGES + count);
          this.freePages += count;
        },
      },
      bus: {
        offers: [{ relid: 1 }] as never,
        createGpadl: async (_offer, range) => {
          const id = 100 + gpadls.size;
          gpadls.set(id, range);
          return { id, relid: 1 };
        },
        tearDownGpadl: async ({ id }) => void gpadls.delete(id),
      },
    };
    this.vsp.opened(this.root);
    const { vsp } = this;
    this.root.onPacket(
      (packet, channel) => vsp.packet(packet, channel),
      () => vsp.batchEnd(),
    );
    const Driver = wanted === 1500 ? NetworkAdapter : NetworkAdapter.withMtu(wanted);
    this.nic = new Driver(this.guest, world);
    this.guest.onPacket((packet) => this.nic.packet(packet));
  }

  /** Lets both ends work until nothing moves. */
  settle(): void {
    for (let round = 0; round < 6; round++) {
      for (const run of this.#soon.splice(0)) run();
      while (this.root.poll(64));
      while (this.guest.poll(64));
    }
  }

  /** The same, with the promises in between. */
  async ready(): Promise<this> {
    let done = false;
    const ended = (): void => void (done = true);
    this.nic.ready.then(ended, ended);
    for (let turn = 0; turn < 200 && !done; turn++) {
      this.settle();
      await Promise.resolve();
      await new Promise((next) => setImmediate(next));
    }
    await this.nic.ready;
    return this;
  }
}

/** A frame to everybody. */
const frameOf = (length: number, number: number): Uint8Array => {
  const frame = Uint8Array.from({ length }, (_, i) => (i * 5 + number) & 0xff);
  return frame.fill(0xff, 0, 6);
};

test('the driver and the adapter agree, and frames of all lengths go round', async () => {
  const bench = await new Bench().ready();
  expect(bench.nic.version).toBe(0x6_0001);
  expect([...bench.nic.mac]).toEqual([0x02, 0x52, 0x6c, 0, 0, 1]);
  expect(bench.nic.link).toBe(true);
  const came: Uint8Array[] = [];
  bench.nic.onFrame((frame) => came.push(frame.slice()));

  fc.assert(
    fc.property(fc.array(fc.integer({ min: 14, max: 1514 }), { minLength: 1, maxLength: 60 }), (lengths) => {
      const frames = lengths.map(frameOf);
      for (const frame of frames) expect(bench.nic.send(frame)).toBe(true);
      bench.settle();
      bench.port.release();
      bench.settle();
      expect(came.splice(0).map((frame) => Buffer.from(frame).toString('hex'))).toEqual(
        frames.map((frame) => Buffer.from(frame).toString('hex')),
      );
    }),
  );
  expect(bench.guestErrors).toEqual([]);
  expect(bench.nic.inspect()).toMatchObject({ inFlight: 0, strangers: 0, malformed: 0 });
});

test('frames of 9000 bytes go round, by pages of their own', async () => {
  const bench = await new Bench({ mtu: 9000, wanted: 9000 }).ready();
  const came: Uint8Array[] = [];
  bench.nic.onFrame((frame) => came.push(frame.slice()));
  const frames = [frameOf(9014, 1), frameOf(6100, 2), frameOf(60, 3)];

  for (const frame of frames) expect(bench.nic.send(frame)).toBe(true);
  expect(bench.nic.send(frameOf(9015, 4))).toBe(false);
  bench.settle();
  bench.port.release();
  bench.settle();

  expect(came).toEqual(frames);
  expect(bench.guestErrors).toEqual([]);
});

test('a tag goes round beside its frame', async () => {
  const bench = await new Bench().ready();
  const tags: (number | undefined)[] = [];
  bench.nic.onFrame((_, { vlan }) => tags.push(vlan));

  bench.nic.send(frameOf(60, 1), 0x6005);
  bench.nic.send(frameOf(60, 1));
  bench.settle();
  bench.port.release();
  bench.settle();

  expect(tags).toEqual([0x6005, undefined]);
});

test('a driver that sends more than there is room for is told so, and goes on when it was read', async () => {
  const bench = await new Bench().ready();
  let sent = 0;
  while (bench.nic.send(frameOf(1514, sent))) sent++;
  expect(sent).toBe(170);
  bench.settle();
  expect(bench.port.waiting.length).toBe(170);
  expect(bench.nic.send(frameOf(1514, 0))).toBe(true);
});

test('a flood both ways neither blocks nor loses an acknowledgement', async () => {
  const bench = await new Bench().ready();
  let came = 0;
  bench.nic.onFrame(() => came++);
  let delivered = 0;
  for (let round = 0; round < 300; round++) {
    for (let i = 0; i < 50; i++) if (bench.port.deliver(frameOf(1000, i))) delivered++;
    for (let i = 0; i < 50; i++) bench.nic.send(frameOf(1000, i));
    // Sometimes the one, sometimes the other falls behind.
    if (round % 7 < 4) bench.vsp.batchEnd();
    if (round % 5 < 2) while (bench.root.poll(8));
    if (round % 3 === 0) while (bench.guest.poll(8));
  }
  bench.settle();
  bench.settle();

  expect(came).toBe(delivered);
  expect(delivered).toBeGreaterThan(3000);
  expect(bench.nic.inspect()).toMatchObject({ inFlight: 0, malformed: 0 });
  const { free, count } = bench.vsp.inspect()['receiveBuffer'] as { free: number; count: number };
  expect(free).toBe(count);
});

test('the driver hears of its link', async () => {
  const bench = await new Bench().ready();
  const states: boolean[] = [];
  bench.nic.link$.subscribe((up) => states.push(up));

  bench.port.setLink(false);
  bench.settle();
  bench.port.setLink(true);
  bench.settle();

  expect(states).toEqual([true, false, true]);
});

test('a channel that closes ends the driver, and gives its pages back', async () => {
  const bench = new Bench({ mtu: 9000, wanted: 9000 });
  const before = bench.freePages;
  await bench.ready();
  expect(bench.freePages).toBeLessThan(before - 700);

  bench.nic.closed();
  await new Promise((next) => setImmediate(next));

  expect(bench.freePages).toBe(before);
  expect(bench.nic.send(frameOf(60, 1))).toBe(false);
});

test('a channel that closes while the driver starts is told by ready', async () => {
  const bench = new Bench();
  bench.nic.closed();
  await expect(bench.nic.ready).rejects.toMatchObject({ name: 'NetworkError', reason: 'gone' });
});

test('a root that says anything at all does not end the driver', async () => {
  const word = fc.oneof(fc.nat(200), fc.constantFrom(0xffff_ffff, 0x8000_0000, 44, 2048), fc.nat(0xffff_ffff));
  const bench = await new Bench().ready();
  let came = 0;
  bench.nic.onFrame((frame) => (came += frame.length));
  const step = fc.record({
    words: fc.array(word, { minLength: 2, maxLength: 12 }),
    offset: word,
    length: word,
    kind: fc.constantFrom('frame', 'control', 'completion', 'inBand'),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      for (const { words, offset, length, kind } of steps) {
        // The root may write anywhere in the receive buffer; its own adapter is not asked.
        const payload = new Uint8Array(Uint32Array.from([107, kind === 'control' ? 1 : 0, ...words]).buffer);
        const ranges = { set: 0xcafe, count: 1, offsets: [offset], lengths: [length] };
        if (kind === 'completion') bench.root.completeTransaction(words[0]!, words[1]!, payload);
        else if (kind === 'inBand') bench.root.send(payload);
        else bench.root.requestTransfer(payload, ranges, 0xffff_0000, 0);
      }
      bench.settle();
      expect(bench.guest.state).toBe('open');
    }),
  );
  expect(came).toBeGreaterThanOrEqual(0);
});
