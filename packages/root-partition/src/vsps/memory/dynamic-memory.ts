/**
 * Dynamic memory VSP: takes memory from a guest that has more than it needs, and gives it memory that it lacks.
 *
 *     closed ──opened──▶ negotiating ──version, capabilities──▶ ready ◀──answer── balloon │ unballoon │ hot add
 *        ▲                    └──nothing in common──▶ refused      └────target────────▲
 *        └──────────────── closed, from anywhere: what was given away comes back ────────
 *
 * There is one number to reach, the target, and one step towards it at a time: Linux's driver ignores what comes while it
 * is at work. Pages that a guest gives are its memory no more; see `machine/partition-pages.ts` for where they go. More
 * than it started with is added where no memory was, in units that the guest asks for, and is taken back by the balloon.
 */
import {
  BalloonRequest,
  BalloonResponse,
  DYNAMIC_MEMORY,
  encodeMemoryMessage,
  encodePageRange,
  HotAddRange,
  hotAddAlignment,
  HotAddResponse,
  MEMORY_MESSAGE_BYTES,
  MEMORY_VERSION_1,
  MEMORY_VERSIONS,
  MemoryAccepted,
  MemoryCapabilities,
  MemoryCapability,
  MemoryHeader,
  MemoryInformation,
  MemoryMessage,
  MemoryStatus,
  MemoryVersion,
  MOST_RANGE_PAGES,
  MOST_RANGES,
  type PageRange,
  pageRangesOf,
  UnballoonRequest,
} from '@ringlet/protocols';
import { type Channel, type DeviceWorld, type Packet, PacketType, type Vsp } from '@ringlet/vmbus';
import type { BalloonMemory, PageSupply } from './page-supply.ts';
import { PageSet } from './page-set.ts';
import type { DynamicMemoryState, SavedDynamicMemory, Step } from './saved-memory.ts';

const PAGE = 4096;
/** Pages that are asked for at a time: 128 MiB. A guest may need seconds to find them. */
const MOST_AT_ONCE = 32_768;
/** The guest gave nothing, or there is nothing to give: in units of 100 ns until it is tried again. */
const RELUCTANCE = 300_000_000;
const SHORTAGE = 10_000_000;
/** Hot add works in units of at least this many pages: 2 MiB. */
const LEAST_UNIT = 512;

const NO_MEMORY: BalloonMemory = { ram: [], room: { first: 0, count: 0 } };
const NO_SUPPLY: PageSupply = { take: () => {}, give: () => 0 };

/** What a dynamic memory device is made with. */
export interface DynamicMemoryOptions {
  readonly memory: BalloonMemory;
  readonly supply: PageSupply;
  /** A report of the guest came. */
  readonly reported?: (demand: number) => void;
  /** What the guest has changed, or its report did. */
  readonly changed?: () => void;
}

/** The dynamic memory of one guest. */
export default class DynamicMemory implements Vsp<SavedDynamicMemory> {
  readonly offer = {
    name: 'dynamic memory',
    interfaceId: DYNAMIC_MEMORY.interfaceId,
    instanceId: DYNAMIC_MEMORY.instanceId,
  } as const;
  readonly #world: DeviceWorld;
  readonly #memory: BalloonMemory;
  readonly #supply: PageSupply;
  readonly #reported: (demand: number) => void;
  readonly #changed: () => void;
  /** Pages that the guest gave away. */
  readonly #balloon: PageSet;
  readonly #startPages: number;
  #channel: Channel | undefined;
  #state: DynamicMemoryState = 'closed';
  #version = 0;
  #capabilities = 0n;
  #status: MemoryStatus | undefined;
  /** Pages of the room that are the guest's. */
  #added = 0;
  /** Pages of the room that follow, have memory under them, and are not the guest's yet. */
  #offered = 0;
  #target: number;
  #step: Step | undefined;
  #transaction = 0;
  /** Steps of a kind that did not work out are not tried again before this. */
  readonly #notBefore = { balloon: 0, unballoon: 0, 'hot-add': 0 };
  #cancelRetry: (() => void) | undefined;

  constructor(world: DeviceWorld, options: Partial<DynamicMemoryOptions> = {}) {
    this.#world = world;
    this.#memory = options.memory ?? NO_MEMORY;
    this.#supply = options.supply ?? NO_SUPPLY;
    this.#reported = options.reported ?? (() => {});
    this.#changed = options.changed ?? (() => {});
    const { ram, room } = this.#memory;
    this.#startPages = ram.reduce((pages, { count }) => pages + count, 0);
    this.#balloon = new PageSet(Math.max(room.first + room.count, ...ram.map(({ first, count }) => first + count), 0));
    this.#target = this.#startPages;
  }

  get state(): DynamicMemoryState {
    return this.#state;
  }

  /** Pages that the guest has. */
  get assigned(): number {
    return this.#startPages + this.#added - this.#balloon.size;
  }

  /** Whether the guest is at work on a step. */
  get busy(): boolean {
    return this.#step !== undefined;
  }

  /** Pages that it has given away. */
  get ballooned(): number {
    return this.#balloon.size;
  }

  /** Pages that were added since it started. */
  get added(): number {
    return this.#added;
  }

  /** Pages that its programs were promised, and those that it will not give; `undefined` before its first report. */
  get demand(): number | undefined {
    // What it says includes what it gave away.
    return this.#status && Math.max(0, Number(this.#status.committed) - this.#balloon.size);
  }

  /** Its last report. */
  get status(): MemoryStatus | undefined {
    return this.#status;
  }

  get target(): number {
    return this.#target;
  }

  /** Sets how many pages it should have. It is on its way there from now on, as fast as it can. */
  set target(pages: number) {
    this.#target = pages;
    this.#notBefore.balloon = this.#notBefore.unballoon = this.#notBefore['hot-add'] = 0;
    this.#go();
  }

  opened(channel: Channel): void {
    this.#channel = channel;
    this.#state = 'negotiating';
    this.#version = 0;
    this.#capabilities = 0n;
  }

  reopened(channel: Channel): void {
    this.#channel = channel;
    this.#go();
  }

  packet(packet: Packet): void {
    if (packet.type === PacketType.Completion) return;
    if (
      packet.type !== PacketType.InBand ||
      packet.length < MemoryHeader.size ||
      packet.length > MEMORY_MESSAGE_BYTES
    ) {
      return this.#guestError('packet that is no message');
    }
    const message = packet.payload();
    const { type, size } = MemoryHeader.decode(message)!;
    // A ring's packets are whole numbers of 8 bytes.
    if (size < MemoryHeader.size || size > message.length) return this.#guestError('message of a wrong length');
    const body = message.subarray(MemoryHeader.size, size);
    switch (type) {
      case MemoryMessage.VersionRequest:
        return this.#negotiate(body);
      case MemoryMessage.Capabilities:
        return this.#agree(body);
      case MemoryMessage.Status:
        return this.#noteStatus(body);
      case MemoryMessage.BalloonResponse:
        return this.#ballooned(message.subarray(0, size), body);
      case MemoryMessage.UnballoonResponse:
        if (this.#step?.kind !== 'unballoon') return this.#guestError('answer to nothing');
        return this.#done();
      case MemoryMessage.HotAddResponse:
        return this.#hotAdded(body);
      default:
        return this.#guestError('message of an unknown type');
    }
  }

  closed(_channel: Channel, done: () => void): void {
    this.#channel = undefined;
    this.#state = 'closed';
    this.#status = undefined;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    // Whoever comes next, another kernel say, does not know what this one gave away.
    this.#abandonStep();
    for (;;) {
      const runs = this.#balloon.runs(this.#balloon.size, MOST_RANGES, MOST_RANGE_PAGES);
      if (runs.length === 0) break;
      for (const run of runs) {
        this.#supply.give(run);
        this.#balloon.remove(run);
      }
    }
    this.#changed();
    done();
  }

  /** What was added goes: a kernel that starts anew has to be told of it again. */
  reset(): void {
    if (this.#added > 0) this.#supply.take([{ first: this.#memory.room.first, count: this.#added }]);
    this.#added = 0;
    this.#changed();
  }

  dispose(done: () => void): void {
    this.#cancelRetry?.();
    done();
  }

  save(): SavedDynamicMemory {
    const { size } = this.#balloon;
    return {
      state: this.#state,
      version: this.#version,
      capabilities: String(this.#capabilities),
      status: this.#status && savedStatus(this.#status),
      balloon: this.#balloon.runs(size, size, MOST_RANGE_PAGES).map(({ first, count }) => [first, count]),
      added: this.#added,
      offered: this.#offered,
      target: this.#target,
      step: this.#step,
      transaction: this.#transaction,
    };
  }

  restore(saved: SavedDynamicMemory): void {
    this.#state = saved.state;
    this.#version = saved.version;
    this.#capabilities = BigInt(saved.capabilities);
    this.#status = saved.status && restoredStatus(saved.status);
    for (const [first, count] of saved.balloon) this.#balloon.add({ first, count });
    this.#added = saved.added;
    this.#offered = saved.offered;
    this.#target = saved.target;
    this.#step = saved.step;
    this.#transaction = saved.transaction;
  }

  inspect(): Record<string, unknown> {
    return {
      state: this.#state,
      version: `${this.#version >>> 16}.${this.#version & 0xffff}`,
      canBalloon: this.#can(MemoryCapability.Balloon),
      canHotAdd: this.#can(MemoryCapability.HotAdd),
      assignedPages: this.assigned,
      targetPages: this.#target,
      balloonedPages: this.#balloon.size,
      addedPages: this.#added,
      demandPages: this.demand ?? null,
      status: this.#status ? savedStatus(this.#status) : null,
      step: this.#step ?? null,
    };
  }

  #negotiate(body: Uint8Array): void {
    const request = MemoryVersion.decode(body);
    if (request === undefined) return this.#guestError('request without a version');
    const accepted = MEMORY_VERSIONS.includes(request.version);
    if (accepted) this.#version = request.version;
    else {
      this.#guestError('version that is not spoken here');
      if ((request.isLastAttempt & 1) !== 0) this.#state = 'refused';
    }
    this.#send(MemoryMessage.VersionResponse, MemoryAccepted.encode({ accepted: accepted ? 1n : 0n }));
  }

  #agree(body: Uint8Array): void {
    const capabilities = MemoryCapabilities.decode(body);
    if (capabilities === undefined) return this.#guestError('report without capabilities');
    if (this.#version === 0) return this.#guestError('capabilities before a version');
    this.#capabilities = capabilities.flags;
    this.#state = 'ready';
    this.#send(MemoryMessage.CapabilitiesResponse, MemoryAccepted.encode({ accepted: 1n }));
    if (this.#version >= MEMORY_VERSION_1) {
      const value = BigInt(this.#startPages + this.#memory.room.count);
      this.#send(MemoryMessage.Information, MemoryInformation.encode({ size: 16, type: 0, valueSize: 8, value }));
    }
    this.#go();
  }

  #noteStatus(body: Uint8Array): void {
    const status = MemoryStatus.decode(body);
    if (status === undefined) return this.#guestError('status report that is too short');
    if (this.#state !== 'ready') return this.#guestError('status report before capabilities');
    this.#status = status;
    this.#reported(this.demand!);
    this.#changed();
    this.#go();
  }

  #ballooned(message: Uint8Array, body: Uint8Array): void {
    const response = BalloonResponse.decode(body);
    const ranges = response && pageRangesOf(message, response.counts >>> 1);
    if (ranges === undefined) return this.#guestError('answer without its ranges');
    const step = this.#step;
    if (step?.kind !== 'balloon') return this.#guestError('answer to nothing');
    const taken: PageRange[] = [];
    for (const range of ranges) {
      if (!this.#givable(range, step.pages - step.given)) {
        this.#guestError('pages that it cannot give');
        continue;
      }
      // At once: the next range may be the same again.
      this.#balloon.add(range);
      step.given += range.count;
      taken.push(range);
    }
    this.#supply.take(taken);
    if ((response!.counts & 1) !== 0) return;
    // It has said that this is all: asked again at once it would say the same.
    if (step.given < step.pages) this.#notBefore.balloon = this.#world.clock.now() + RELUCTANCE;
    this.#done();
  }

  /** Whether a range is the guest's RAM, and no more than it was asked for. */
  #givable(range: PageRange, most: number): boolean {
    if (range.count < 1 || range.count > most) return false;
    const { ram, room } = this.#memory;
    const within = (place: PageRange): boolean =>
      range.first >= place.first && range.first + range.count <= place.first + place.count;
    const isRam = ram.some(within) || within({ first: room.first, count: this.#added });
    return isRam && this.#balloon.lacks(range);
  }

  #hotAdded(body: Uint8Array): void {
    const response = HotAddResponse.decode(body);
    if (response === undefined) return this.#guestError('answer that is too short');
    if (this.#step?.kind !== 'hot-add') return this.#guestError('answer to nothing');
    if (response.pages > 0) {
      this.#added += this.#offered;
      this.#offered = 0;
    } else if ((response.result & 1) !== 0) {
      // It never will: the memory that was meant for it is not needed.
      this.#capabilities &= ~MemoryCapability.HotAdd;
      this.#takeOffered();
    } else this.#notBefore['hot-add'] = this.#world.clock.now() + RELUCTANCE;
    this.#done();
  }

  #done(): void {
    this.#step = undefined;
    this.#changed();
    this.#go();
  }

  /** Takes the next step towards the target, if there is one to take now. */
  #go(): void {
    if (this.#state !== 'ready' || this.#step !== undefined || this.#channel === undefined) return;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    const pages = this.#target - this.assigned;
    if (pages < 0) this.#try('balloon', () => this.#can(MemoryCapability.Balloon) && this.#askFor(-pages));
    else if (pages > 0 && this.#balloon.size > 0) this.#try('unballoon', () => this.#giveBack(pages));
    else if (pages > 0) this.#try('hot-add', () => this.#can(MemoryCapability.HotAdd) && this.#add(pages));
  }

  #try(kind: Step['kind'], step: () => void): void {
    const wait = this.#notBefore[kind] - this.#world.clock.now();
    if (wait > 0) this.#cancelRetry = this.#world.after(wait, () => this.#go());
    else step();
  }

  /** There is no memory to give: later, perhaps. */
  #short(kind: Step['kind']): void {
    this.#notBefore[kind] = this.#world.clock.now() + SHORTAGE;
    this.#cancelRetry = this.#world.after(SHORTAGE, () => this.#go());
  }

  #askFor(pages: number): void {
    const asked = Math.min(pages, MOST_AT_ONCE);
    this.#step = { kind: 'balloon', pages: asked, given: 0 };
    this.#send(MemoryMessage.BalloonRequest, BalloonRequest.encode({ pages: asked }));
  }

  #giveBack(pages: number): void {
    const ranges: PageRange[] = [];
    for (const run of this.#balloon.runs(Math.min(pages, MOST_AT_ONCE), MOST_RANGES, MOST_RANGE_PAGES)) {
      const count = this.#supply.give(run);
      if (count > 0) ranges.push({ first: run.first, count });
      if (count < run.count) break;
    }
    if (ranges.length === 0) return this.#short('unballoon');
    for (const range of ranges) this.#balloon.remove(range);
    this.#step = { kind: 'unballoon', pages: ranges.reduce((sum, { count }) => sum + count, 0), given: 0 };
    const request = UnballoonRequest.encode({ morePages: 0, rangeCount: ranges.length });
    this.#send(MemoryMessage.UnballoonRequest, request, ranges);
  }

  /** Adds one unit: more than the target asks for when less than that is missing, and the balloon then takes the rest. */
  #add(pages: number): void {
    const unit = Math.max(LEAST_UNIT, hotAddAlignment(this.#capabilities) / PAGE);
    const { room } = this.#memory;
    const first = room.first + this.#added;
    if (this.#offered === 0) {
      // So little is not worth the detour.
      if (first % unit !== 0 || this.#added + unit > room.count || pages < LEAST_UNIT) return;
      const given = this.#supply.give({ first, count: unit });
      if (given < unit) {
        if (given > 0) this.#supply.take([{ first, count: given }]);
        return this.#short('hot-add');
      }
      this.#offered = unit;
    }
    const range = { first, count: this.#offered };
    this.#step = { kind: 'hot-add', pages: range.count, given: 0 };
    this.#send(MemoryMessage.HotAddRequest, HotAddRange.encode({ range: encodePageRange(range) }));
  }

  #abandonStep(): void {
    this.#step = undefined;
    this.#takeOffered();
  }

  #takeOffered(): void {
    if (this.#offered > 0) this.#supply.take([{ first: this.#memory.room.first + this.#added, count: this.#offered }]);
    this.#offered = 0;
  }

  #can(capability: bigint): boolean {
    return (this.#capabilities & capability) !== 0n;
  }

  #send(type: number, body: Uint8Array, ranges: readonly PageRange[] = []): void {
    const channel = this.#channel;
    this.#transaction = (this.#transaction + 1) >>> 0;
    const message = encodeMemoryMessage(type, this.#transaction, body, ranges);
    channel?.whenRoom(message.length, () => {
      if (this.#channel !== channel) return;
      channel.send(message);
      channel.flush();
    });
  }

  #guestError(what: string): void {
    this.#world.log.guestError(what);
  }
}

const savedStatus = (status: MemoryStatus): Record<string, number> =>
  Object.fromEntries(Object.entries(status).map(([name, value]) => [name, Number(value)]));

function restoredStatus(saved: Readonly<Record<string, number>>): MemoryStatus {
  const pages = (name: string): bigint => BigInt(saved[name] ?? 0);
  return {
    available: pages('available'),
    committed: pages('committed'),
    pageFile: pages('pageFile'),
    free: pages('free'),
    pageFileWrites: saved['pageFileWrites'] ?? 0,
    ioDifference: saved['ioDifference'] ?? 0,
  };
}
