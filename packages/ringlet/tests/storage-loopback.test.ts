/** The storage driver against the storage controller: real rings in one partition's memory, no bus between them. */
import {
  BlockOperation,
  BlockStatus,
  type BlockDevice,
  StorageController,
  type StorageChange,
  type StorageGuest,
} from '@ringlet/child-partition';
import { Access, GuestMemory, MemoryNode, PAGE_SIZE, Slat } from '@ringlet/microkernel';
import { type StorageLun, type StorageOptions, StorageVsp } from '@ringlet/root-partition';
import { type Channel, RingChannel } from '@ringlet/vmbus';
import fc from 'fast-check';
import { expect, test } from 'vitest';

type Disk = NonNullable<StorageLun['disk']>;
type DiskRequest = Parameters<Disk['submit']>[0];

const PAGES = 4096;
const RING_PAGES = 32;

/** A disk in memory; answers later, in random order, when it has a source of randomness. */
class ReferenceDisk implements Disk {
  readonly kind = 'reference';
  readonly physicalSectorSize = 4096;
  readonly unmapGranularity = 8;
  readonly unmapReadsZero = true;
  readonly id: Uint8Array;
  readonly sectorSize: number;
  readonly readOnly: boolean;
  readonly optical: boolean;
  sectorCount: number;
  content: Uint8Array;
  stuck = false;
  readonly waiting: DiskRequest[] = [];
  #changed = (): void => {};

  constructor(
    id: number,
    sectors: number,
    options: { sectorSize?: number; readOnly?: boolean; optical?: boolean } = {},
  ) {
    this.id = new Uint8Array(16).fill(id);
    this.sectorCount = sectors;
    this.sectorSize = options.sectorSize ?? 512;
    this.readOnly = options.readOnly ?? false;
    this.optical = options.optical ?? false;
    this.content = Uint8Array.from({ length: sectors * this.sectorSize }, (_, i) => (i * 7 + (i >> 9)) & 0xff);
  }

  submit(request: DiskRequest): void {
    if (this.stuck) this.waiting.push(request);
    else request.complete(this.#run(request));
  }

  onResize(changed: () => void): void {
    this.#changed = changed;
  }

  grow(sectors: number): void {
    const content = new Uint8Array(sectors * this.sectorSize);
    content.set(this.content);
    this.content = content;
    this.sectorCount = sectors;
    this.#changed();
  }

  inspect(): Record<string, unknown> {
    return {};
  }

  close(done: (status: number) => void): void {
    done(0);
  }

  #run(request: DiskRequest): number {
    const from = request.sector * this.sectorSize;
    const length = request.count * this.sectorSize;
    if (request.operation >= 3) this.content.fill(0, from, from + length);
    for (let run = 0, at = from; request.operation < 2 && run < request.runCount; run++) {
      const start = request.runOffset[run]!;
      const part = request.bytes.subarray(start, start + request.runLength[run]!);
      if (request.operation === 0) part.set(this.content.subarray(at, at + part.length));
      else this.content.set(part, at);
      at += part.length;
    }
    return 0;
  }
}

/** A partition with a controller at one end and its driver at the other. */
class Loopback {
  readonly memory: GuestMemory;
  readonly vsp: StorageVsp;
  readonly driver: StorageController;
  readonly #ends: RingChannel[] = [];
  readonly #roots: Channel[] = [];
  #nextPage = 1;
  #offered = 0;
  #polling = false;

  constructor(options: StorageOptions) {
    const node = new MemoryNode({ id: 0, buffer: new SharedArrayBuffer(PAGES * PAGE_SIZE + Slat.tableBytes(PAGES)) });
    const slat = new Slat(node, PAGES * PAGE_SIZE, PAGES);
    // Two pages swapped in each eight: guest pages in order are not in order in the system.
    for (let page = 0; page < PAGES; page++) slat.map(page, (page & 7) > 5 ? page ^ 1 : page, Access.ReadWrite);
    this.memory = new GuestMemory(node, slat);
    this.vsp = new StorageVsp(
      {
        memory: this.memory,
        clock: { now: () => 0 },
        log: { guestError: () => {}, info: () => {} },
        after: () => () => {},
      },
      options,
    );
    this.vsp.attached({ offerSubchannels: (count) => void (this.#offered = count), gpadl: () => undefined });
    const guest: StorageGuest = {
      memory: this.memory,
      pages: { allocate: (count) => this.allocate(count), free: () => {} },
      after: (_ticks, run) => {
        queueMicrotask(run);
        return () => {};
      },
      openSubchannels: (_primary, count) =>
        Promise.resolve(Array.from({ length: Math.min(count, this.#offered) }, (_, i) => this.#open(i + 1))),
    };
    const channel = this.#open(0);
    this.driver = new StorageController(channel, guest);
    channel.onPacket((packet, from) => this.driver.packet(packet, from));
  }

  /** Takes pages for good. */
  allocate(count: number): number {
    const first = this.#nextPage;
    this.#nextPage += count;
    return this.#nextPage > PAGES ? -1 : first;
  }

  /** The guest closes the primary channel. */
  close(): Promise<void> {
    this.driver.closed();
    return new Promise((resolve) => this.vsp.closed(this.#roots[0]!, resolve));
  }

  #open(index: number): RingChannel {
    const pages = (): number[] => {
      const first = this.allocate(RING_PAGES);
      return Array.from({ length: RING_PAGES }, (_, i) => first + i);
    };
    const [toRoot, toGuest] = [pages(), pages()];
    const end = (incoming: number[], outgoing: number[], initialize: boolean): RingChannel =>
      new RingChannel({
        relid: index + 1,
        subchannelIndex: index,
        userData: new Uint8Array(120),
        memory: this.memory,
        incoming,
        outgoing,
        initialize,
        signal: () => this.#poll(),
        pollSoon: () => this.#poll(),
      });
    const guest = end(toGuest, toRoot, true);
    const root = end(toRoot, toGuest, false);
    this.#ends.push(guest, root);
    if (!this.vsp.opened(root)) throw new Error(`channel ${index} was refused`);
    root.onPacket((packet, channel) => this.vsp.packet(packet, channel));
    this.#roots.push(root);
    return guest;
  }

  /** Both ends work in turns of their own, as threads would. */
  #poll(): void {
    if (this.#polling) return;
    this.#polling = true;
    queueMicrotask(() => {
      this.#polling = false;
      for (const end of this.#ends) while (end.poll(64));
    });
  }
}

const patternOf = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (Math.imul(i + seed, 2654435761) >>> 13) & 0xff);

test('the driver finds three disks and a drive, each as it is', async () => {
  const loopback = new Loopback({
    disks: [
      { disk: new ReferenceDisk(1, 8192) },
      { disk: new ReferenceDisk(2, 1024, { sectorSize: 4096 }), lun: 5 },
      { disk: new ReferenceDisk(3, 100, { readOnly: true }), path: 2, target: 1, lun: 3 },
      { disk: new ReferenceDisk(4, 64, { sectorSize: 2048, optical: true }), lun: 1 },
    ],
  });

  const devices = await loopback.driver.ready;

  expect(
    devices.map(({ address, sectorSize, sectorCount, readOnly, optical, model }) => ({
      at: [address.path, address.target, address.lun],
      sectorSize,
      sectorCount,
      readOnly,
      optical,
      model,
    })),
  ).toEqual([
    { at: [0, 0, 0], sectorSize: 512, sectorCount: 8192, readOnly: false, optical: false, model: 'Virtual Disk' },
    { at: [0, 0, 1], sectorSize: 2048, sectorCount: 64, readOnly: true, optical: true, model: 'Virtual DVD-ROM' },
    { at: [0, 0, 5], sectorSize: 4096, sectorCount: 1024, readOnly: false, optical: false, model: 'Virtual Disk' },
    { at: [2, 1, 3], sectorSize: 512, sectorCount: 100, readOnly: true, optical: false, model: 'Virtual Disk' },
  ]);
  expect(devices[0]!.serial).toBe('01'.repeat(16));
  expect(devices[0]!.description).toMatchObject({ writeCache: true, canUnmap: true, unmapReadsZero: true });
  expect(loopback.driver.version).toBe(0x0602);
});

test('random reads, writes and unmaps agree with a copy of the disk, over one channel and over three', async () => {
  for (const channels of [1, 3]) {
    const disk = new ReferenceDisk(1, 4096);
    const loopback = new Loopback({ disks: [{ disk }], maxSubchannels: 4 });
    const [device] = (await loopback.driver.ready) as [BlockDevice];
    expect(await loopback.driver.openChannels(channels - 1)).toBe(channels);
    const copy = disk.content.slice();
    const wrong: number[] = [];
    const operation = fc.record({
      kind: fc.constantFrom('read', 'write', 'unmap', 'flush'),
      sector: fc.nat(4095),
      count: fc.integer({ min: 1, max: 300 }),
      seed: fc.nat(),
    });

    await fc.assert(
      fc.asyncProperty(fc.array(operation, { maxLength: 10 }), async (operations) => {
        for (const { kind, sector, count: wanted, seed } of operations) {
          const count = Math.min(wanted, 4096 - sector);
          const [from, to] = [sector * 512, (sector + count) * 512];
          if (kind === 'write') {
            const data = patternOf(count * 512, seed);
            copy.set(data, from);
            await device.writeFrom(sector, data);
          } else if (kind === 'unmap') {
            copy.fill(0, from, to);
            await device.unmap(sector, count);
          } else if (kind === 'flush') await device.flush();
          else {
            const data = new Uint8Array(count * 512);
            await device.readInto(sector, data);
            if (Buffer.compare(data, copy.subarray(from, to)) !== 0) wrong.push(sector);
          }
        }
      }),
      { numRuns: 30 },
    );

    expect(wrong).toEqual([]);
    expect(Buffer.compare(disk.content, copy)).toBe(0);
  }
});

test('a read longer than one request is split, and arrives whole', async () => {
  const disk = new ReferenceDisk(1, 16_384);
  const loopback = new Loopback({ disks: [{ disk }], maxTransferBytes: 64 * 1024 });
  const [device] = (await loopback.driver.ready) as [BlockDevice];
  const data = new Uint8Array(3 * 1024 * 1024);

  await device.readInto(100, data);

  expect(device.maxTransferBytes).toBe(64 * 1024);
  expect(Buffer.compare(data, disk.content.subarray(51_200, 51_200 + data.length))).toBe(0);
});

test('32 requests are kept in flight from their own callbacks', async () => {
  const disk = new ReferenceDisk(1, 8192);
  const loopback = new Loopback({ disks: [{ disk }] });
  const [device] = (await loopback.driver.ready) as [BlockDevice];
  const buffers = loopback.allocate(32) * PAGE_SIZE;
  const wrong: number[] = [];
  let left = 2000;
  let ended = 0;

  await new Promise<void>((resolve) => {
    const sectors = new Int32Array(32);
    const page = new Uint8Array(PAGE_SIZE);
    const next = (tag: number): void => {
      if (left-- <= 0) return;
      sectors[tag] = (left * 37) % 8184;
      expect(device.submit(BlockOperation.Read, sectors[tag]!, 8, buffers + tag * PAGE_SIZE, done, tag)).toBe(true);
    };
    const done = (status: number, tag: number): void => {
      loopback.memory.read(buffers + tag * PAGE_SIZE, page);
      const from = sectors[tag]! * 512;
      if (status !== BlockStatus.Ok || Buffer.compare(page, disk.content.subarray(from, from + PAGE_SIZE)) !== 0) {
        wrong.push(status);
      }
      if (++ended === 2000) resolve();
      next(tag);
    };
    for (let tag = 0; tag < 32; tag++) next(tag);
  });

  expect(wrong).toEqual([]);
});

test('a disk that never answers does not slow another one on the same channel', async () => {
  const stuck = new ReferenceDisk(1, 8192);
  const loopback = new Loopback({ disks: [{ disk: stuck }, { disk: new ReferenceDisk(2, 8192), lun: 1 }] });
  const [slow, fast] = (await loopback.driver.ready) as [BlockDevice, BlockDevice];
  const buffer = loopback.allocate(1) * PAGE_SIZE;
  stuck.stuck = true;
  // Half of the driver's slots.
  for (let i = 0; i < 64; i++) slow.submit(BlockOperation.Read, i, 8, buffer, () => {});

  const data = new Uint8Array(512);
  for (let i = 0; i < 500; i++) await fast.readInto(i, data);

  expect(stuck.waiting.length).toBe(64);
});

test('disks that come, grow and go are told', async () => {
  const first = new ReferenceDisk(1, 1000);
  const loopback = new Loopback({ disks: [{ disk: first }] });
  const [device] = (await loopback.driver.ready) as [BlockDevice];
  const changes: StorageChange[] = [];
  loopback.driver.changes$.subscribe((change) => void changes.push(change));
  const sizes: number[] = [];
  device.onResize(({ sectorCount }) => void sizes.push(sectorCount));

  loopback.vsp.attach({ disk: new ReferenceDisk(2, 2000), lun: 7 });
  await expect.poll(() => loopback.driver.disks().length).toBe(2);
  first.grow(5000);
  await expect.poll(() => device.sectorCount).toBe(5000);
  loopback.vsp.detach({ lun: 7 }, () => {});
  await expect.poll(() => loopback.driver.disks().length).toBe(1);

  expect(changes.map(({ kind, device: { address } }) => [kind, address.lun])).toEqual([
    ['added', 7],
    ['changed', 0],
    ['removed', 7],
  ]);
  expect(sizes).toEqual([5000]);
});

test('requests in flight when the channel closes end as gone, and later ones too', async () => {
  const disk = new ReferenceDisk(1, 1000);
  const loopback = new Loopback({ disks: [{ disk }] });
  const [device] = (await loopback.driver.ready) as [BlockDevice];
  disk.stuck = true;
  const reading = device.readInto(0, new Uint8Array(512));
  await expect.poll(() => disk.waiting.length).toBe(1);

  const closing = loopback.close();

  await expect(reading).rejects.toMatchObject({ status: BlockStatus.Gone });
  await expect(device.flush()).rejects.toMatchObject({ status: BlockStatus.Gone });
  disk.waiting[0]!.complete(0);
  await closing;
});

test('a write to a read-only disk is refused with "write protected"', async () => {
  const loopback = new Loopback({ disks: [{ disk: new ReferenceDisk(1, 1000, { readOnly: true }) }] });
  const [device] = (await loopback.driver.ready) as [BlockDevice];

  await expect(device.writeFrom(0, new Uint8Array(512))).rejects.toMatchObject({ status: 0x07_2700 });
});
