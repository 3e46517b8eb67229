/**
 * A machine for tests: a real microkernel, the root's side of the bus on a root VP, and a guest's bus client on a child VP,
 * on one thread and under a clock that the test moves.
 */
import { Access, CHILD_PRIVILEGES, HvStatus, Microkernel, PAGE_SIZE, ROOT_PRIVILEGES } from '@ringlet/microkernel';
import { invariant } from '@ringlet/wire';
import { BusClient } from '../src/child/bus-client.ts';
import { BusHost } from '../src/root/bus-host.ts';
import type { SocketProvider } from '../src/root/bus-host-options.ts';
import type { RootBusOptions } from '../src/root/root-bus.ts';
import type { SavedBus } from '../src/root/saved-state.ts';
import { SynicEndpoint } from '../src/synic-endpoint.ts';

const GPA_PAGES = 512;
/** Guest pages of the child that its client takes rings and buffers from. */
const FIRST_FREE = 16;

/** Runs what is due when the test moves the clock. */
export class TestClock {
  time = 1_000_000;
  #timers: { due: number; run: () => void }[] = [];

  now(): number {
    return this.time;
  }

  readonly after = (ticks: number, run: () => void): (() => void) => {
    const timer = { due: this.time + ticks, run };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((each) => each !== timer));
  };

  /** Timers that have not run. */
  get waiting(): number {
    return this.#timers.length;
  }

  advance(ticks: number): void {
    this.time += ticks;
    for (;;) {
      const timer = this.#timers.find((each) => each.due <= this.time);
      if (timer === undefined) return;
      this.#timers = this.#timers.filter((each) => each !== timer);
      timer.run();
    }
  }
}

/** Hands out guest pages in order; freed ones are not used again. */
class Pages {
  /** The page that is handed out next. */
  next = FIRST_FREE;
  taken = 0;

  allocate(count: number): number {
    if (this.next + count > GPA_PAGES) return -1;
    this.taken += count;
    this.next += count;
    return this.next - count;
  }

  free(_first: number, count: number): void {
    this.taken -= count;
  }
}

/** One machine. Everything happens in {@link BusMachine.settle}. */
export class BusMachine {
  readonly clock = new TestClock();
  readonly kernel: Microkernel;
  readonly root: number;
  readonly child: number;
  readonly pages = new Pages();
  readonly failures: string[] = [];
  readonly guestErrors: string[] = [];
  host: BusHost;
  readonly client: BusClient;
  readonly childSynic: SynicEndpoint;
  readonly #rootSynic: SynicEndpoint;
  #rootDue = true;
  #rootRung = 0;
  readonly #options: { bus?: RootBusOptions; sockets?: SocketProvider };

  constructor(options: { bus?: RootBusOptions; sockets?: SocketProvider } = {}) {
    this.#options = options;
    const limits = { partitions: 4, vpsPerPartition: 4, vps: 8, nodes: 2 };
    this.kernel = new Microkernel({ state: Microkernel.createState(limits), clock: this.clock });
    const buffer = new SharedArrayBuffer((2 * GPA_PAGES + 256) * PAGE_SIZE);
    this.kernel.attachNode({ id: 0, buffer });
    [this.root, this.child] = [ROOT_PRIVILEGES, CHILD_PRIVILEGES].map((privileges) => {
      const id = this.kernel.createPartition({ node: 0, gpaPages: GPA_PAGES, privileges });
      this.kernel.initializePartition(id);
      const first = this.kernel.allocatePages(0, GPA_PAGES);
      this.kernel.mapGpaPages(id, 0, first, GPA_PAGES, Access.All);
      invariant(this.kernel.createVp(id, 0) === HvStatus.Success, 'a VP is created');
      return id;
    }) as [number, number];
    invariant(this.kernel.createVp(this.child, 1) === HvStatus.Success, 'a second VP is created');

    this.#rootSynic = new SynicEndpoint(this.kernel.vp(this.root, 0), { messagePageGpa: 0, eventPageGpa: PAGE_SIZE });
    this.#rootSynic.enable();
    this.host = this.#createHost();

    const vp = this.kernel.vp(this.child, 0);
    this.childSynic = new SynicEndpoint(vp, { messagePageGpa: 0, eventPageGpa: PAGE_SIZE });
    this.childSynic.enable();
    const { pages, clock } = this;
    const inputPageGpa = 2 * PAGE_SIZE;
    this.client = new BusClient({ vp, synic: this.childSynic, pages, inputPageGpa, after: clock.after });
  }

  /** Runs both ends until neither has anything to do, microtasks included. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 3;) {
      const before = this.#activity();
      for (let turn = 0; turn < 8; turn++) {
        this.#pollRoot();
        this.client.poll();
      }
      await Promise.resolve();
      await Promise.resolve();
      quiet = this.#activity() === before ? quiet + 1 : 0;
    }
  }

  /** Settles while a promise of the client is under way. */
  async during<T>(promise: Promise<T>): Promise<T> {
    let over = false;
    const done = promise.finally(() => (over = true));
    done.catch(() => {});
    for (let round = 0; round < 50 && !over; round++) {
      await this.settle();
      if (!over) this.clock.advance(20_000);
    }
    return done;
  }

  /** Replaces the host by one that starts from `saved`. */
  restoreHost(saved: SavedBus, attach: (host: BusHost) => void): void {
    this.host = this.#createHost();
    this.host.restore(saved);
    attach(this.host);
    this.host.restored();
  }

  /** The root's thread: it sleeps unless its doorbell rang, it was woken, or its last poll said that there is more. */
  #pollRoot(): void {
    const { words, counter } = this.kernel.vp(this.root, 0).doorbell;
    const rung = Atomics.load(words, counter);
    if (!this.#rootDue && rung === this.#rootRung) return;
    this.#rootRung = rung;
    this.#rootDue = false;
    if (this.host.poll()) this.#rootDue = true;
  }

  /** Every port and connection there is: partition, id, what it is. */
  ports(): [number, number, unknown][] {
    type Table = Record<string, unknown>;
    const partitions = this.kernel.inspect()['partitions'] as Record<string, { ports: Table; connections: Table }>;
    return Object.entries(partitions).flatMap(([partition, { ports, connections }]) =>
      [...Object.entries(ports), ...Object.entries(connections)].map(([id, what]): [number, number, unknown] => [
        Number(partition),
        Number(id),
        what,
      ]),
    );
  }

  #createHost(): BusHost {
    return new BusHost({
      kernel: this.kernel,
      place: { rootPartition: this.root, rootVp: 0, child: this.child },
      memory: this.kernel.memory(this.child),
      synic: this.#rootSynic,
      after: this.clock.after,
      wake: () => void (this.#rootDue = true),
      log: { guestError: (what) => void this.guestErrors.push(what), info: () => {} },
      deviceFailed: (device, thrown) => void this.failures.push(`${device}: ${(thrown as Error).message}`),
      ...this.#options,
    });
  }

  #activity(): string {
    return JSON.stringify([this.host.inspect(), this.client.inspect(), this.failures.length]);
  }
}
