/**
 * A machine's disks: which image hangs where on which storage controller.
 *
 * Controller 0 always exists, so that a disk can be added to a running machine that started with none.
 */
import { UserError } from '@ringlet/wire';
import { type Disk, DiskStatus } from '../backends/disk/disk.ts';
import { type DiskLimits, LimitedDisk } from '../backends/disk/limited-disk.ts';
import { openDisk } from '../backends/disk/open-disk.ts';
import { OverlayDisk } from '../backends/disk/overlay/overlay-disk.ts';
import type { VersionedOverlay } from '../backends/disk/overlay/versions.ts';
import { StorageVsp } from '../vsps/storage/storage-vsp.ts';
import type { Answers, MachinePart, WorldOf } from './machine-part.ts';

/** One disk of a machine: plain data. */
export interface DiskDescription extends DiskLimits {
  /** The image file. */
  readonly path: string;
  /** Writes go to the image; absent or false: to a throw-away overlay. */
  readonly keep?: boolean;
  /** The guest sees a write-protected disk. */
  readonly readOnly?: boolean;
  /** Taken for this, whatever its headers say; recognised when absent. */
  readonly format?: 'raw' | 'vhd' | 'vhdx' | 'iso';
  /** Storage controller; 0 when absent. */
  readonly controller?: number;
  /** SCSI target; 0 when absent. */
  readonly target?: number;
  /** SCSI logical unit; the next free one when absent. */
  readonly lun?: number;
}

/** Where a disk hangs. */
export interface DiskPlace {
  /** Number of the storage controller, from 0. */
  readonly controller: number;
  /** SCSI target on it. */
  readonly target: number;
  /** Logical unit of the target. */
  readonly lun: number;
}

/** What may be asked of a machine's disks. Each @throws UserError when it cannot be done. */
export interface DiskRequests {
  /** Adds a disk to the running machine. Answers where it hangs. */
  attachDisk(parameters: DiskDescription): DiskPlace;
  /** Takes a disk from it. Answered when its image is closed. */
  detachDisk(parameters: Partial<DiskPlace>): void;
  /** Gives a disk of the running machine another size. */
  resizeDisk(parameters: Partial<DiskPlace> & { bytes: number }): void;
}

/** What a machine's disks are made with. */
export interface MachineDisksOptions {
  readonly world: WorldOf;
  /** How images are read: inline by who asks, or by workers where that is faster. */
  readonly io: 'adaptive' | 'inline';
  /** Disks of the host before, instead of those that are described. */
  readonly handed?: HandedDisks | undefined;
}

/** Open disks on their way from one host of a machine to the next. */
export interface HandedDisks {
  /** Each with its place. */
  readonly disks: readonly PlacedDisk[];
  /** Storage controllers that the machine has. */
  readonly controllers: number;
}

/** A disk in its place. */
export interface PlacedDisk extends DiskPlace {
  /** Path of its image. */
  readonly image: string;
  /** The disk itself, open. */
  readonly disk: Disk;
  /** As it was asked for. */
  readonly description: DiskDescription;
}

/** The disks that a machine had at a moment, each in its place, without what was written to them. Plain data. */
export interface SavedDisks {
  /** Each with its place. */
  readonly disks: readonly DiskDescription[];
  /** Storage controllers that the machine has. */
  readonly controllers: number;
}

const MOST_CONTROLLERS = 4;
/** Linux's driver looks at two targets and 255 units of each. */
const MOST_TARGETS = 2;
const MOST_LUNS = 64;

/** Opens the disks that a machine had at a moment, inline, with nothing written to them. @throws UserError */
export function openSavedDisks({ disks, controllers }: SavedDisks): HandedDisks {
  const opened: PlacedDisk[] = [];
  try {
    for (const description of disks) {
      const { path: image, controller = 0, target = 0, lun = 0 } = description;
      opened.push({ image, controller, target, lun, description, disk: openAs(description, 'inline') });
    }
  } catch (error) {
    for (const { disk } of opened) disk.close(() => {});
    throw error;
  }
  return { disks: opened, controllers };
}

/** What takes the writes to disks, by their place; those that take none are not in it. */
export function overlaysOf({ disks }: HandedDisks): ReadonlyMap<string, VersionedOverlay> {
  const overlays = disks.flatMap(({ disk, ...place }): [string, VersionedOverlay][] =>
    disk instanceof OverlayDisk ? [[placeName(place), disk]] : [],
  );
  return new Map(overlays);
}

/** The disks of one machine. */
export class MachineDisks implements MachinePart<DiskRequests> {
  readonly #io: 'adaptive' | 'inline';
  readonly #world: WorldOf;
  readonly #disks: PlacedDisk[] = [];
  /** The controllers, by number. */
  readonly vsps: readonly StorageVsp[];

  /** Opens all of them. @throws UserError when one cannot be opened; those before it are closed again */
  constructor(descriptions: readonly DiskDescription[], { world, io, handed }: MachineDisksOptions) {
    this.#io = io;
    this.#world = world;
    try {
      if (handed) this.#disks.push(...handed.disks);
      else for (const description of descriptions) this.#open(description);
    } catch (error) {
      for (const { disk } of this.#disks) disk.close(() => {});
      throw error;
    }
    const count = handed?.controllers ?? Math.max(0, ...this.#disks.map(({ controller }) => controller)) + 1;
    this.vsps = Array.from({ length: count }, (_, index) => {
      const name = count === 1 ? 'scsi' : `scsi ${index}`;
      const instanceId = `72696e67-6c65-7453-8353-${String(index).padStart(12, '0')}`;
      const disks = this.#disks.filter(({ controller }) => controller === index);
      return new StorageVsp(world(name), { name, instanceId, disks });
    });
  }

  readonly answers: Answers<DiskRequests> = {
    attachDisk: (description) => {
      const placed = this.#open(description);
      const controller = this.vsps[placed.controller];
      if (!controller) {
        this.#disks.pop();
        placed.disk.close(() => {});
        throw new UserError('no-such-controller', `the machine has no storage controller ${placed.controller}`, {
          hint: `controllers: 0 to ${this.vsps.length - 1}`,
        });
      }
      controller.attach(placed);
      return { controller: placed.controller, target: placed.target, lun: placed.lun };
    },
    detachDisk: async (where) => {
      const placed = this.#find(where);
      await new Promise<void>((idle) => this.vsps[placed.controller]!.detach(placed, idle));
      this.#disks.splice(this.#disks.indexOf(placed), 1);
      await settled((done) => placed.disk.close(done), `closing ${placed.image}`);
    },
    resizeDisk: async ({ bytes, ...where }) => {
      const { disk, image } = this.#find(where);
      if (!disk.resize) {
        throw new UserError('disk-not-resizable', `${image} cannot change its size: it is ${disk.kind}`);
      }
      if (bytes <= 0 || bytes % disk.sectorSize !== 0) {
        throw new UserError('size-invalid', `a disk cannot have ${bytes} bytes`, {
          hint: `a multiple of its sectors' ${disk.sectorSize} bytes`,
        });
      }
      await settled((done) => disk.resize!(bytes / disk.sectorSize, done), `resizing ${image}`);
    },
  };

  /** Whether another host can go on with them: the limits of one have timers of this one. */
  get canBeHanded(): boolean {
    return this.#disks.every(({ disk }) => !(disk instanceof LimitedDisk));
  }

  /** What there is to open again. */
  save(): SavedDisks {
    const disks = this.#disks.map(({ description, controller, target, lun }) => ({
      ...description,
      controller,
      target,
      lun,
    }));
    return { disks, controllers: this.vsps.length };
  }

  /** Gives them to another host of this machine. */
  handOver(): HandedDisks {
    return { disks: this.#disks.splice(0), controllers: this.vsps.length };
  }

  /** The disk at a place. @throws UserError when there is none */
  disk(place: Partial<DiskPlace>): Disk {
    return this.#find(place).disk;
  }

  /** One entry a disk, by its place. */
  inspect(): Record<string, unknown> {
    const byPlace = this.#disks.map(({ image, disk, ...place }) => [placeName(place), { image, ...disk.inspect() }]);
    return { disks: Object.fromEntries(byPlace) };
  }

  #open(description: DiskDescription): PlacedDisk {
    const place = this.#place(description);
    const { path } = description;
    const opened = openAs(description, this.#io);
    const limited = description.iops !== undefined || description.bandwidth !== undefined;
    const disk = limited ? new LimitedDisk(opened, description, this.#world(path)) : opened;
    const placed = { ...place, image: path, disk, description };
    this.#disks.push(placed);
    return placed;
  }

  #place({ path, controller = 0, target = 0, lun }: DiskDescription): DiskPlace {
    if (!(controller >= 0 && controller < MOST_CONTROLLERS && target >= 0 && target < MOST_TARGETS)) {
      throw new UserError('disk-place-invalid', `${path} cannot hang on controller ${controller}, target ${target}`, {
        hint: `controllers 0 to ${MOST_CONTROLLERS - 1}, targets 0 to ${MOST_TARGETS - 1}`,
      });
    }
    const taken = new Set(
      this.#disks.filter((disk) => disk.controller === controller && disk.target === target).map((disk) => disk.lun),
    );
    const free = lun ?? Array.from({ length: MOST_LUNS }, (_, i) => i).find((i) => !taken.has(i));
    if (free === undefined || free < 0 || free >= MOST_LUNS || taken.has(free)) {
      throw new UserError(
        'disk-place-taken',
        `${path} cannot be unit ${free ?? MOST_LUNS}: it is taken or out of range`,
        {
          hint: `units 0 to ${MOST_LUNS - 1} of each target`,
        },
      );
    }
    return { controller, target, lun: free };
  }

  #find({ controller = 0, target = 0, lun = 0 }: Partial<DiskPlace>): PlacedDisk {
    const found = this.#disks.find(
      (disk) => disk.controller === controller && disk.target === target && disk.lun === lun,
    );
    if (!found) {
      throw new UserError('no-such-disk', `the machine has no disk at ${controller}:${target}:${lun}`, {
        hint: `disks: ${this.#disks.map(placeName).join(', ') || 'none'}`,
      });
    }
    return found;
  }
}

const openAs = ({ path, keep = false, readOnly = false, format }: DiskDescription, io: 'adaptive' | 'inline'): Disk =>
  openDisk(path, { keep, readOnly, ...(format && { format }), io });

/** A disk operation as a promise. */
async function settled(run: (done: (status: number) => void) => void, what: string): Promise<void> {
  const status = await new Promise<number>(run);
  if (status !== DiskStatus.Ok) throw new UserError('disk-failed', `${what} failed (status ${status})`);
}

const placeName = ({ controller, target, lun }: DiskPlace): string => `${controller}:${target}:${lun}`;
