/**
 * x86-64 guests: a kernel in the partition's memory, and for each virtual processor an area of its own in system pages
 * that no partition maps.
 *
 *     node   [core's data 64 KiB][second-level table][RAM …][VP areas][code masks][words the VPs share][ROM][VRAM][free …]
 *
 * What is free at the end is for memory that is added while the machine runs. In a pool other machines' pages are between.
 */
import { readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { Access, type Doorbell, type GuestMemory, HvStatus, PAGE_SIZE } from '@ringlet/microkernel';
import {
  type DisplayDescription,
  type EntryState,
  giveBack,
  layOutMemory,
  loadKernel,
  makeResetVector,
  Platform,
  RESET_VECTOR_PAGES,
  videoMemoryBytes,
} from '@ringlet/root-partition';
import { invariant, UserError } from '@ringlet/wire';
import {
  DebuggedPartition,
  inspectVp,
  instantiateCore,
  prepareVpArea,
  type SharedTables,
  vpAreaBytes,
} from '@ringlet/x64';
import { bundle, siblingModule } from '../host/bundle.ts';
import { clearPages } from '../host/clear-memory.ts';
import { loadCore } from '../host/x64-core.ts';
import type { MachineParts, X64GuestParts } from '../machine/parts.ts';
import { type MemoryHome, ownHome } from '../machine/memory-home.ts';
import type { PartitionLayout, System } from '../machine/system.ts';
import { ConsoleInput } from './console-input.ts';
import type { GuestThreads, PreparedGuest } from './guest-threads.ts';
import type { X64Start } from './messages.ts';

/** Decoded code of each virtual processor: three boots' worth. It starts over when it is full. */
const ARENA_BYTES = 32 * 1024 * 1024;
const FOUR_GIB_PAGES = 0x10_0000;
const SEED_BYTES = 32;
/** What Linux has to know of a machine without firmware, whose console has flow control. */
const LINUX_COMMAND_LINE = 'console=ttyS0,115200n8r efi=noruntime reboot=acpi';
/** Memory that is added is used at once: Debian's kernels leave that to whoever runs them. */
const USE_ADDED_MEMORY = 'memhp_default_state=online';
/** Bytes of the masks for each system page. */
const MASK_BYTES = 8;
/** Where the bus lock is in the page of shared words; the table of VP areas is before it. */
const BUS_LOCK = 2048;

/** A partition with memory and nothing in it. */
interface EmptyMachine {
  readonly home: MemoryHome;
  readonly partition: number;
  readonly layout: PartitionLayout;
  /** The processor's core, compiled. */
  readonly module: object;
  readonly vramPages: number;
  readonly map: Pick<ReturnType<typeof layOutMemory>, 'ram' | 'room' | 'lowWindow'>;
}

/** An x86-64 guest that was made ready. */
export interface PreparedX64Guest extends PreparedGuest {
  /** @param whenWoken - called whenever the debugger has something for a processor, instead of ringing its doorbell */
  debug(whenWoken?: () => void): DebuggedPartition;
  start(vp: number): X64Start;
  /** Hands on what was typed, where no timer does. */
  feed(): void;
  /** What was typed and waits. */
  readonly input: ConsoleInput;
}

/** What may be another than usual. */
export interface X64GuestOptions {
  /** What the kernel's random numbers begin with; asked for each time that it is started. */
  readonly randomSeed?: () => Uint8Array;
  /** What is typed and not taken at once is tried again, after a time of the host's or by {@link PreparedX64Guest.feed}. */
  readonly fed?: 'by a timer' | 'by hand';
  /** A debugger may look on, but the run has to come out as if there were none. */
  readonly exact?: boolean;
}

/** An x86-64 guest. */
export class X64Guest implements GuestThreads {
  readonly #parts: MachineParts;
  readonly #guest: X64GuestParts;
  readonly #options: X64GuestOptions;

  constructor(parts: MachineParts, guest: X64GuestParts, options: X64GuestOptions = {}) {
    this.#parts = parts;
    this.#guest = guest;
    this.#options = options;
  }

  code(): Promise<URL> {
    const start = siblingModule('./x64-virtual-processor', import.meta.url);
    return bundle(
      'x64',
      `import { startX64VirtualProcessor } from ${JSON.stringify(start)}; startX64VirtualProcessor();`,
    );
  }

  async prepare(system: System): Promise<PreparedX64Guest> {
    const module = await loadCore();
    const { cpus, memoryBytes, memoryLimits } = this.#parts;
    const roomBytes = memoryLimits.maximum - memoryBytes;
    const { ram, room, lowWindow } = layOutMemory(memoryBytes, roomBytes);
    const ramPages = [...ram, room].reduce((pages, { bytes }) => pages + bytes / PAGE_SIZE, 0);
    const last = roomBytes > 0 ? room : ram.at(-1)!;
    const gpaPages = Math.max(FOUR_GIB_PAGES, (last.start + last.bytes) / PAGE_SIZE);
    const areaPages = vpAreaBytes(ARENA_BYTES) / PAGE_SIZE;
    const vramPages = vramPagesOf(this.#parts.description.display);
    const besides = cpus * areaPages + 3 + vramPages;
    const maskPages = Math.ceil(((ramPages + besides) * MASK_BYTES * 1.01) / PAGE_SIZE) + 8;
    const home = this.#guest.pool?.enter(system) ?? ownHome(system, ramPages + besides + maskPages, gpaPages);
    const places = [...ram, room];
    let partition: number | undefined;
    try {
      const layout = { gpaPages, ram, apic: 'x2apic' } as const;
      partition = system.createPartition(home.node, layout, this.#parts);
      return this.#fill(system, { home, partition, layout, module, vramPages, map: { ram, room, lowWindow } });
    } catch (error) {
      home.leave(partition, places);
      throw error;
    }
  }

  /** Puts everything into a partition that has its memory. */
  #fill(system: System, { home, partition, layout, module, vramPages, map }: EmptyMachine): PreparedX64Guest {
    const { memoryBytes, memoryLimits } = this.#parts;
    const { kernel } = system;
    const { node } = home;
    const { ram, room, lowWindow } = map;
    const { areas, prepare } = this.#layOutAreas(system, home, partition);
    prepare();
    const debugPage = home.allocate(1);
    mapResetVector(system, home, partition);
    const vram = vramPages === 0 ? -1 : home.allocate(vramPages);
    let entry = this.#load(kernel.memory(partition), room.bytes);
    const platform = Platform.createState();
    const input = new ConsoleInput(
      platform,
      (message, destination) => kernel.requestInterrupt(partition, message, destination),
      this.#options.fed !== 'by hand',
    );
    let debugged: DebuggedPartition | undefined;
    let woken: (() => void) | undefined;
    const doorbells = areas.map((_, vp) => kernel.vp(partition, vp).doorbell);
    const debug = (whenWoken?: () => void): DebuggedPartition => {
      if (whenWoken) woken = whenWoken;
      return (debugged ??= new DebuggedPartition({
        core: instantiateCore(module, node.memory),
        buffer: node.memory.buffer,
        areas,
        table: debugPage * PAGE_SIZE,
        exact: this.#options.exact === true,
        wake: (vp) => (woken ? woken() : ring(doorbells[vp]!)),
      }));
    };
    if (this.#guest.held === true) {
      // Nobody sleeps yet.
      debug(() => {}).attach();
      debug().hold();
      woken = undefined;
    }
    const start = (vp: number): X64Start => ({
      module,
      area: areas[vp]!,
      platform,
      ...(vp === 0 && { entry }),
    });
    const restart = (): void => {
      system.resetPartition(partition, node, layout, this.#parts);
      if (vram >= 0) clearPages(node.memory)(vram * PAGE_SIZE, vramPages);
      prepare();
      input.resetPlatform();
      entry = this.#load(kernel.memory(partition), room.bytes);
    };
    return {
      node,
      partition,
      memory: { node: node.id, startup: memoryBytes, ram, room, ...memoryLimits },
      ...(vram >= 0 && { vram: { first: vram, count: vramPages, windows: [lowWindow] } }),
      start,
      restart,
      inspect: () => ({
        processors: areas.map((area) => inspectVp(node.memory.buffer, area, kernel.memory(partition))),
        platform: input.inspectPlatform(),
      }),
      debug,
      write: (bytes) => input.write(bytes),
      get typedAhead() {
        return input.waiting.length;
      },
      feed: () => input.feed(),
      input,
      dispose: () => {
        input.dispose();
        home.leave(partition, [...ram, room]);
      },
    };
  }

  /** Puts the kernel into memory. @returns where it starts */
  #load(memory: GuestMemory, roomBytes: number): EntryState {
    const { commandLine, ...files } = this.#guest;
    const kernel = readable(files.kernel);
    const initrd = files.initrd === undefined ? undefined : readable(files.initrd);
    const { entry } = loadKernel({
      kernel,
      ...(initrd && { initrd }),
      memory,
      memoryBytes: this.#parts.memoryBytes,
      roomBytes,
      processors: this.#parts.cpus,
      commandLine,
      linuxCommandLine: roomBytes > 0 ? `${LINUX_COMMAND_LINE} ${USE_ADDED_MEMORY}` : LINUX_COMMAND_LINE,
      randomSeed: this.#options.randomSeed?.() ?? randomBytes(SEED_BYTES),
    });
    giveBack(kernel);
    if (initrd) giveBack(initrd);
    return entry;
  }

  /** @returns addresses of the processors' areas, and what makes them and all that they share as after power-up */
  #layOutAreas(
    { kernel }: System,
    home: MemoryHome,
    partition: number,
  ): { readonly areas: readonly number[]; readonly prepare: () => void } {
    const allocate = (pages: number): number => home.allocate(pages) * PAGE_SIZE;
    const areaPages = vpAreaBytes(ARENA_BYTES) / PAGE_SIZE;
    const areas = Array.from({ length: this.#parts.cpus }, () => allocate(areaPages));
    const { node } = home;
    const { buffer } = node.memory;
    const maskPages = Math.ceil(((buffer.byteLength / PAGE_SIZE) * MASK_BYTES) / PAGE_SIZE);
    const codeMasks = allocate(maskPages);
    const shared = allocate(1);
    const { offset: slat, pageCount: slatPages } = kernel.secondLevelTable(partition);
    const tables: SharedTables = {
      slat,
      slatPages,
      codeMasks,
      vpTable: shared,
      vpCount: areas.length,
      busLock: shared + BUS_LOCK,
    };
    const clear = clearPages(node.memory);
    const prepare = (): void => {
      clear(codeMasks, maskPages);
      clear(shared, 1);
      new Uint32Array(buffer, shared, areas.length).set(areas);
      for (const [index, area] of areas.entries()) prepareVpArea(buffer, area, ARENA_BYTES, tables, index);
    };
    return { areas, prepare };
  }
}

/** Makes the thread of a virtual processor look. */
function ring({ words, counter }: Doorbell): void {
  Atomics.add(words, counter, 1);
  Atomics.notify(words, counter);
}

/** Gives the guest its ROM: one page, wherever it is looked for. */
function mapResetVector({ kernel }: System, home: MemoryHome, partition: number): void {
  const page = home.allocate(1);
  new Uint8Array(home.node.memory.buffer, page * PAGE_SIZE, PAGE_SIZE).set(makeResetVector());
  for (const address of RESET_VECTOR_PAGES) {
    const status = kernel.mapGpaPages(partition, address / PAGE_SIZE, page, 1, Access.Read | Access.Execute);
    invariant(status === HvStatus.Success, 'a ROM can be mapped');
  }
}

/** Pages of the video card's memory. */
const vramPagesOf = (display: DisplayDescription | undefined): number =>
  display ? videoMemoryBytes(display.preferred) / PAGE_SIZE : 0;

function readable(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new UserError('kernel-unreadable', `${path} cannot be read`, {
      hint: 'check the path and its permissions',
      cause,
    });
  }
}
