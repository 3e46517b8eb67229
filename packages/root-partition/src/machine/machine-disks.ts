/**
 * A machine's disks: which image hangs where on which storage controller.
 *
 * Controller 0 always exists, so that a disk can be added to a running machine that started with none.
 */
import type { DeviceWorld } from '@ringlet/vmbus';
import { UserError } from '@ringlet/wire';
import { type Disk, DiskStatus } from '../backends/disk/disk.ts';
import { openDisk } from '../backends/disk/open-disk.ts';
import { StorageVsp } from '../vsps/storage/storage-vsp.ts';

/** One disk of a machine: plain data. */
export interface DiskDescription {
  /** The image file. */
  readonly path: string;
  /** Writes go to the image; absent or false: to a throw-away overlay. */
  readonly keep?: boolean;
  /** The guest sees a write-protected disk. */
  readonly readOnly?: boolean;
  readonly format?: 'raw' | 'vhd' | 'vhdx' | 'iso';
  /** Storage controller; 0 when absent. */
  readonly controller?: number;
  /** SCSI target; 0 when absent. */
  readonly target?: number;
  /** SCSI logical unit; the next free one when absent. */
  readonly lun?: number;
}

/** Where a disk hangs. */
interface Place {
  readonly controller: number;
  readonly target: number;
  readonly lun: number;
}

interface PlacedDisk extends Place {
  readonly image: string;
  readonly disk: Disk;
}

const MOST_CONTROLLERS = 4;
/** Linux's driver looks at two targets and 255 units of each. */
const MOST_TARGETS = 2;
const MOST_LUNS = 64;

/** The disks of one machine. */
export class MachineDisks {
  readonly #io: 'adaptive' | 'inline';
  readonly #disks: PlacedDisk[] = [];
  readonly #controllers: StorageVsp[] = [];

  /** Opens all of them. @throws UserError when one cannot be opened; those before it are closed again */
  constructor(descriptions: readonly DiskDescription[], io: 'adaptive' | 'inline') {
    this.#io = io;
    try {
      for (const description of descriptions) this.#open(description);
    } catch (error) {
      for (const { disk } of this.#disks) disk.close(() => {});
      throw error;
    }
  }

  /** Builds the controllers. Called once. */
  controllers(world: (device: string) => DeviceWorld): readonly StorageVsp[] {
    const count = Math.max(0, ...this.#disks.map(({ controller }) => controller)) + 1;
    for (let index = 0; index < count; index++) {
      const name = count === 1 ? 'scsi' : `scsi ${index}`;
      const disks = this.#disks.filter(({ controller }) => controller === index);
      this.#controllers.push(
        new StorageVsp(world(name), {
          name,
          instanceId: `72696e67-6c65-7453-8353-${String(index).padStart(12, '0')}`,
          disks,
        }),
      );
    }
    return this.#controllers;
  }

  /** Adds a disk to the running machine. @throws UserError */
  attach(description: DiskDescription): void {
    const placed = this.#open(description);
    const controller = this.#controllers[placed.controller];
    if (!controller) {
      this.#disks.pop();
      placed.disk.close(() => {});
      throw new UserError('no-such-controller', `the machine has no storage controller ${placed.controller}`, {
        hint: `controllers: 0 to ${this.#controllers.length - 1}`,
      });
    }
    controller.attach(placed);
  }

  /** Takes a disk from the running machine. Resolves when its image is closed. @throws UserError */
  async detach(where: Partial<Place>): Promise<void> {
    const placed = this.#find(where);
    await new Promise<void>((idle) => this.#controllers[placed.controller]!.detach(placed, idle));
    this.#disks.splice(this.#disks.indexOf(placed), 1);
    await settled((done) => placed.disk.close(done), `closing ${placed.image}`);
  }

  /** Gives a disk of the running machine another size. @throws UserError */
  async resize(where: Partial<Place>, bytes: number): Promise<void> {
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
  }

  /** Plain data, one entry a disk. */
  inspect(): Record<string, unknown> {
    return Object.fromEntries(
      this.#disks.map(({ controller, target, lun, image, disk }) => [
        `${controller}:${target}:${lun}`,
        { image, ...disk.inspect() },
      ]),
    );
  }

  #open(description: DiskDescription): PlacedDisk {
    const place = this.#place(description);
    const { path, keep = false, readOnly = false, format } = description;
    const disk = openDisk(path, { keep, readOnly, ...(format && { format }), io: this.#io });
    const placed = { ...place, image: path, disk };
    this.#disks.push(placed);
    return placed;
  }

  #place({ path, controller = 0, target = 0, lun }: DiskDescription): Place {
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

  #find({ controller = 0, target = 0, lun = 0 }: Partial<Place>): PlacedDisk {
    const found = this.#disks.find(
      (disk) => disk.controller === controller && disk.target === target && disk.lun === lun,
    );
    if (!found) {
      throw new UserError('no-such-disk', `the machine has no disk at ${controller}:${target}:${lun}`, {
        hint: `disks: ${Object.keys(this.inspect()).join(', ') || 'none'}`,
      });
    }
    return found;
  }
}

/** A disk operation as a promise. */
async function settled(run: (done: (status: number) => void) => void, what: string): Promise<void> {
  const status = await new Promise<number>(run);
  if (status !== DiskStatus.Ok) throw new UserError('disk-failed', `${what} failed (status ${status})`);
}
