/**
 * A guest on a real microkernel, in lockstep on one thread: child partition, memory, virtual processors and a clock that
 * moves only when told. There is no bus unless a test attaches one.
 */
import {
  Access,
  CHILD_PRIVILEGES,
  type CrashReport,
  type Exit,
  HvStatus,
  Microkernel,
  PAGE_SIZE,
  ROOT_PRIVILEGES,
  type Vp,
} from '@ringlet/microkernel';
import { GuestKernel, type GuestKernelOptions, type GuestModule, ParavirtualProcessor } from '../src/index.ts';

const GUEST_PAGES = 1024;
const ROOT_PAGES = 64;
const NODE_PAGES = 2048;

/** Partition, processors and what came out of them. */
export class LoneGuest {
  readonly microkernel: Microkernel;
  readonly partition: number;
  readonly memoryBytes = GUEST_PAGES * PAGE_SIZE;
  readonly vps: Vp[] = [];
  readonly kernels: GuestKernel[] = [];
  readonly processors: ParavirtualProcessor[] = [];
  readonly crashes: CrashReport[] = [];
  /** Bytes that the sink takes before it is full; reset it to let more through. */
  sinkRoom = Infinity;
  #output: number[] = [];
  #now = 0;

  constructor(vpCount = 1) {
    this.microkernel = new Microkernel({
      state: Microkernel.createState({ partitions: 4, vpsPerPartition: 4, vps: 8, nodes: 2 }),
      clock: { now: () => this.#now },
      output: (_partition, byte) => {
        if (this.#output.length >= this.sinkRoom) return false;
        this.#output.push(byte);
        return true;
      },
      crashed: (_partition, report) => void this.crashes.push(report),
    });
    this.microkernel.attachNode({ id: 0, buffer: new SharedArrayBuffer(NODE_PAGES * PAGE_SIZE) });
    this.#createPartition(ROOT_PAGES, ROOT_PRIVILEGES);
    check(this.microkernel.createVp(1, 0));
    this.partition = this.#createPartition(GUEST_PAGES, CHILD_PRIVILEGES);
    for (let index = 0; index < vpCount; index++) {
      check(this.microkernel.createVp(this.partition, index));
      if (index > 0) check(this.microkernel.startVp(this.partition, index));
      this.vps.push(this.microkernel.vp(this.partition, index));
    }
  }

  /** All that the guest has printed. */
  get output(): string {
    return new TextDecoder().decode(Uint8Array.from(this.#output));
  }

  /** Puts a module on all processors. */
  load(module: GuestModule, options: Partial<GuestKernelOptions> = {}): void {
    for (const vp of this.vps) {
      const kernel = new GuestKernel({ vp, memoryBytes: this.memoryBytes, vpCount: this.vps.length, ...options });
      this.kernels.push(kernel);
      this.processors.push(new ParavirtualProcessor(kernel, module));
    }
  }

  /** Runs until nobody has anything to do, without letting time pass. `others` run in between. @returns VP 0's exit */
  async run(others: () => boolean = () => false): Promise<Exit> {
    for (;;) {
      const exits = this.processors.map((processor) => processor.run(64));
      await new Promise((resolve) => void setImmediate(resolve));
      // After the guest's continuations: what they sent is work for the others.
      const more = others();
      const exit = exits[0]!;
      if (exit.reason !== 'halt' && exit.reason !== 'budget') return exit;
      const waiting = this.processors.some((processor, i) => processor.pending || this.vps[i]!.interruptPending);
      if (!more && !waiting && exits.every((each) => each.reason === 'halt')) return exit;
    }
  }

  /** Runs, and lets time jump to the next timer whenever all sleep, until the guest ends or `until` is reached (100 ns). */
  async runUntil(until: number, others: () => boolean = () => false): Promise<Exit> {
    for (;;) {
      const exit = await this.run(others);
      if (exit.reason !== 'halt') return exit;
      const next = Math.min(this.nextDue(), ...this.vps.map((vp) => vp.nextDeadline()));
      if (next > until) {
        this.#now = Math.max(this.#now, until);
        return this.run(others);
      }
      this.#now = Math.max(this.#now, next);
    }
  }

  /** The present, in 100 ns. */
  get now(): number {
    return this.#now;
  }

  /** When somebody else than the guest wants to run; for those who add one. */
  protected nextDue(): number {
    return Infinity;
  }

  #createPartition(pages: number, privileges: bigint): number {
    const id = this.microkernel.createPartition({ node: 0, gpaPages: pages, privileges });
    if (id < 0) throw new Error(`no partition: ${id}`);
    const first = this.microkernel.allocatePages(0, pages);
    check(this.microkernel.mapGpaPages(id, 0, first, pages, Access.All));
    check(this.microkernel.initializePartition(id));
    return id;
  }
}

function check(status: HvStatus): void {
  if (status !== HvStatus.Success) throw new Error(`the microkernel refused: ${status}`);
}
