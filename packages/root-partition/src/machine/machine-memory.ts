/** A machine's dynamic memory: how much its guest has, how much it should have, and who decides that. */
import { type Microkernel, PAGE_SIZE } from '@ringlet/microkernel';
import type { Vsp } from '@ringlet/vmbus';
import { UserError } from '@ringlet/wire';
import type { MemoryRange } from '../boot/memory-map.ts';
import DynamicMemory from '../vsps/memory/dynamic-memory.ts';
import { Pressure } from '../vsps/memory/pressure.ts';
import type { Answers, MachinePart, WorldOf } from './machine-part.ts';
import { PartitionPages } from './partition-pages.ts';

/** Memory of a machine that can change while it runs: plain data. */
export interface DynamicMemoryDescription {
  /** Node that it comes from. */
  readonly node: number;
  /** Bytes that the guest starts with, and where they are: a PC does not show all of the first mebibyte. */
  readonly startup: number;
  /** Where the memory that it starts with lies. */
  readonly ram: readonly MemoryRange[];
  /** Address space for more. */
  readonly room: MemoryRange;
  /** Least and most bytes that the guest may be left with. */
  readonly minimum: number;
  /** Most that it may get, in bytes. */
  readonly maximum: number;
  /** Percent of its demand that a guest has beyond it; absent: its reports change nothing, only what is set by hand. */
  readonly buffer?: number;
}

/** Who decides how much a guest has. */
export type MemoryPolicy = 'pressure' | 'by-hand';

/** How a machine's memory is: bytes. */
export interface MemoryReport {
  /** Where the guest's driver is: `closed` before there is one, `ready` when it takes requests. */
  readonly state: string;
  /** Who decides how much it has. */
  readonly policy: MemoryPolicy;
  /** What the guest started with. */
  readonly startup: number;
  /** Least that it is left with. */
  readonly minimum: number;
  /** Most that it may get. */
  readonly maximum: number;
  /** What it has, and is to have. */
  readonly assigned: number;
  /** What it is to have; the guest takes its time to get there. */
  readonly target: number;
  /** What it needs, by its own account; `null` before its first report, 45 seconds after its driver has started. */
  readonly demand: number | null;
  /** What it has given away, and what was added to what it started with. */
  readonly ballooned: number;
  /** Plugged in since it started. */
  readonly added: number;
  /** What is left in the pool that its memory comes from. */
  readonly free: number;
}

/** What may be asked about a machine's memory. */
export interface MemoryRequests {
  /** How the memory is now. */
  memory(parameters: Record<string, never>): MemoryReport;
  /** Sets how much the guest is to have; `null` leaves that to its reports. @throws UserError */
  setMemory(parameters: { bytes: number | null }): MemoryReport;
}

/** What a guest has, and needs, when that has changed. */
export interface MemoryEvent {
  /** Tells it from the others. */
  readonly type: 'memory';
  /** Bytes that it has. */
  readonly assigned: number;
  /** Bytes that it says it needs; `null` when it does not say. */
  readonly demand: number | null;
}

/** What a machine's memory is made with. */
export interface MachineMemoryOptions {
  readonly kernel: Microkernel;
  readonly partition: number;
  readonly world: WorldOf;
  /** Guest pages that the bus keeps to. */
  readonly held: () => ReadonlySet<number>;
  readonly report: (event: MemoryEvent) => void;
}

const pages = (bytes: number): number => Math.ceil(bytes / PAGE_SIZE);
const rangeOf = ({ start, bytes }: MemoryRange) => ({ first: start / PAGE_SIZE, count: bytes / PAGE_SIZE });
/** Changes of less than this are not told: demand moves with every report. */
const WORTH_TELLING = 1024 * 1024;

/** The memory of one machine. */
export class MachineMemory implements MachinePart<MemoryRequests> {
  readonly vsps: readonly Vsp[];
  readonly #description: DynamicMemoryDescription;
  /** Bytes that count as the guest's and that it does not see. */
  readonly #unseen: number;
  readonly #device: DynamicMemory;
  readonly #pages: PartitionPages;
  readonly #pressure: Pressure;
  readonly #report: (event: MemoryEvent) => void;
  #policy: MemoryPolicy;
  #told: MemoryEvent | undefined;

  constructor(description: DynamicMemoryDescription, options: MachineMemoryOptions) {
    const { kernel, partition, world, held, report } = options;
    const { node, startup, ram, room, minimum, maximum, buffer } = description;
    this.#description = description;
    this.#unseen = startup - ram.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#report = report;
    this.#pages = new PartitionPages({ kernel, partition, node, held, world: world('dynamic memory') });
    this.#pressure = new Pressure({
      minimum: pages(minimum - this.#unseen),
      maximum: pages(maximum - this.#unseen),
      buffer: buffer ?? 0,
    });
    this.#policy = buffer === undefined ? 'by-hand' : 'pressure';
    this.#device = new DynamicMemory(world('dynamic memory'), {
      memory: { ram: ram.map(rangeOf), room: rangeOf(room) },
      supply: this.#pages,
      reported: (demand) => this.#reported(demand),
      changed: () => this.#tell(),
    });
    this.vsps = [this.#device];
  }

  readonly answers: Answers<MemoryRequests> = {
    memory: () => this.#status(),
    setMemory: ({ bytes }) => {
      if (bytes === null) {
        if (this.#description.buffer === undefined) throw fixed();
        this.#policy = 'pressure';
        this.#pressure.forget();
        return this.#status();
      }
      const { minimum, maximum } = this.#description;
      if (!(bytes >= minimum && bytes <= maximum)) {
        throw new UserError('memory-target-invalid', `the machine cannot have ${mib(bytes)} of memory`, {
          hint: `${mib(minimum)} to ${mib(maximum)}, as it was started: --memory SIZE,min=SIZE,max=SIZE`,
        });
      }
      this.#policy = 'by-hand';
      this.#device.target = pages(bytes - this.#unseen);
      return this.#status();
    },
  };

  inspect(): Record<string, unknown> {
    return { memory: { ...this.#status(), pages: this.#pages.inspect(), device: this.#device.inspect() } };
  }

  /**
   * What its device has taken back is free at once: no processor remembers it. What was set by hand stays wanted; reports of
   * the life before say nothing of the next.
   */
  reset(): void {
    this.#pages.dispose();
    if (this.#policy !== 'pressure') return;
    this.#pressure.forget();
    this.#device.target = this.#device.assigned;
  }

  dispose(done: () => void): void {
    this.#pages.dispose();
    done();
  }

  #reported(demand: number): void {
    const { assigned, busy } = this.#device;
    // What is on its way is judged when it is there.
    if (this.#policy !== 'pressure' || busy) return;
    const target = this.#pressure.take(demand, assigned);
    if (target !== assigned) this.#device.target = target;
  }

  #status(): MemoryReport {
    const { startup, minimum, maximum } = this.#description;
    const { state, assigned, target, demand, ballooned, added } = this.#device;
    const bytes = (count: number): number => count * PAGE_SIZE;
    return {
      state,
      policy: this.#policy,
      startup,
      minimum,
      maximum,
      assigned: bytes(assigned) + this.#unseen,
      target: bytes(target) + this.#unseen,
      demand: demand === undefined ? null : bytes(demand),
      ballooned: bytes(ballooned),
      added: bytes(added),
      free: bytes(this.#pages.free),
    };
  }

  #tell(): void {
    const { assigned, demand } = this.#status();
    const told = this.#told;
    const moved = Math.abs((demand ?? 0) - (told?.demand ?? 0)) >= WORTH_TELLING;
    if (told !== undefined && told.assigned === assigned && !moved) return;
    this.#told = { type: 'memory', assigned, demand };
    this.#report(this.#told);
  }
}

const mib = (bytes: number): string => `${Math.round(bytes / 1024 ** 2)}M`;

const fixed = (): UserError =>
  new UserError('memory-fixed', "the machine's memory does not follow its guest's reports", {
    hint: 'start it with limits: --memory 512M,min=256M,max=1G',
  });

const absent = (): never => {
  throw new UserError('memory-fixed', "the machine's memory cannot change while it runs", {
    hint: 'that of a kernel can, that of a guest module cannot',
  });
};

/** A machine whose memory cannot change. */
export const FIXED_MEMORY: MachinePart<MemoryRequests> = {
  vsps: [],
  answers: { memory: absent, setMemory: absent },
  inspect: () => ({}),
};
