/** LunTable: which units a controller has, and where. */
import { LUN_ENTRY_SIZE, ReportLunsHeader, Sense } from '@ringlet/protocols';
import { UserError } from '@ringlet/wire';
import { DepartedUnits } from './departed-units.ts';
import { type LunAddress, LunQueue } from './lun-queue.ts';
import { DiskUnit } from './scsi/disk-unit.ts';
import { DvdUnit } from './scsi/dvd-unit.ts';
import type { StorageLun } from './storage-options.ts';

/** Units of one controller at most; operators add them, guests cannot. */
const MAX_UNITS = 4096;

/** What the units of a controller have in common. */
export interface LunTableOptions {
  readonly defaultPath: number;
  readonly defaultTarget: number;
  /** The controller's GUID, for the identity of drives. */
  readonly instanceId: string;
  readonly maxTransferBytes: number;
  readonly queueDepth: number;
  readonly initiator: number;
  /** A disk has another size now. */
  resized(): void;
}

/** Units by address. */
export class LunTable {
  readonly #options: LunTableOptions;
  readonly #byAddress = new Map<number, LunQueue>();
  readonly #slots: (LunQueue | undefined)[] = [];
  /** Disks that went, as long as a guest may not know. */
  readonly departed = new DepartedUnits();

  constructor(options: LunTableOptions) {
    this.#options = options;
  }

  /** Places that lanes keep books for; never shrinks. */
  get slots(): number {
    return this.#slots.length;
  }

  /** The unit at an address. */
  get(path: number, target: number, lun: number): LunQueue | undefined {
    return this.#byAddress.get(addressKey(path, target, lun));
  }

  /** All units, in order of address. */
  all(): LunQueue[] {
    return [...this.#byAddress].toSorted(([a], [b]) => a - b).map(([, queue]) => queue);
  }

  /** The unit that an operator means. @throws UserError when there is none */
  find(address: Partial<LunAddress>): LunQueue {
    const { path, target, lun } = this.#complete(address);
    const queue = this.get(path, target, lun);
    if (queue !== undefined) return queue;
    throw new UserError('no-such-lun', `no disk at path ${path}, target ${target}, LUN ${lun}`);
  }

  /** Adds a disk or drive. @throws UserError when its address is taken or impossible, or there are too many */
  add(lun: StorageLun): LunQueue {
    const { maxTransferBytes, queueDepth, initiator } = this.#options;
    const address = this.#complete(lun);
    this.#check(address);
    const { disk } = lun;
    const unit =
      disk === undefined || disk.optical
        ? new DvdUnit(this.#driveId(address), maxTransferBytes, disk)
        : new DiskUnit(disk, maxTransferBytes);
    unit.attentions.attach(initiator);
    const queue = new LunQueue(address, unit, queueDepth);
    const free = this.#slots.indexOf(undefined);
    queue.slot = free < 0 ? this.#slots.length : free;
    this.#slots[queue.slot] = queue;
    const key = addressKey(address.path, address.target, address.lun);
    this.#byAddress.set(key, queue);
    this.departed.arrived(key);
    if (unit instanceof DiskUnit) {
      unit.disk.onResize(() => {
        unit.resized();
        this.#options.resized();
      });
    }
    return queue;
  }

  /**
   * Takes a unit out. Waiting requests end at once; `done` is called when the disk is done with the others, and has made
   * durable what they wrote.
   */
  remove(queue: LunQueue, done: () => void): void {
    const { path, target, lun } = queue.address;
    const key = addressKey(path, target, lun);
    this.#byAddress.delete(key);
    const { unit } = queue;
    const flush = unit instanceof DiskUnit ? this.departed.leaving(key) : undefined;
    const gone = (): void => {
      this.#slots[queue.slot] = undefined;
      done();
    };
    queue.drop();
    queue.whenIdle(() => (flush !== undefined && unit instanceof DiskUnit ? flush(unit.disk, gone) : gone()));
  }

  /** The other units of a target tell that its list of units is another now. */
  reportChanged(changed: LunQueue): void {
    for (const { address, unit } of this.all()) {
      const sameTarget = address.path === changed.address.path && address.target === changed.address.target;
      if (sameTarget && unit !== changed.unit) unit.attentions.raise(Sense.ReportedLunsDataChanged);
    }
  }

  /** REPORT LUNS data of one target (SPC-4, 6.33). */
  report(path: number, target: number): Uint8Array {
    const luns = this.all().filter(({ address }) => address.path === path && address.target === target);
    const data = new Uint8Array(ReportLunsHeader.size + LUN_ENTRY_SIZE * luns.length);
    ReportLunsHeader.write(new DataView(data.buffer), 0, { length: LUN_ENTRY_SIZE * luns.length });
    // Peripheral device addressing: bus 0, the number in the second byte.
    luns.forEach(({ address }, i) => (data[ReportLunsHeader.size + LUN_ENTRY_SIZE * i + 1] = address.lun));
    return data;
  }

  /** Waits for the disks, and closes them. */
  close(done: () => void): void {
    let left = 1;
    const one = (): void => {
      if (--left === 0) done();
    };
    for (const queue of this.all()) {
      left++;
      queue.whenIdle(() => {
        if (queue.disk === undefined) one();
        else queue.disk.close(one);
      });
    }
    one();
  }

  #complete({ path, target, lun }: { path?: number; target?: number; lun?: number }): LunAddress {
    const { defaultPath, defaultTarget } = this.#options;
    return { path: path ?? defaultPath, target: target ?? defaultTarget, lun: lun ?? 0 };
  }

  #check({ path, target, lun }: LunAddress): void {
    const name = `path ${path}, target ${target}, LUN ${lun}`;
    if (![path, target, lun].every((part) => Number.isInteger(part) && part >= 0 && part <= 0xff)) {
      throw new UserError('bad-lun', `no such place for a disk: ${name}`, { hint: 'each part is 0 to 255' });
    }
    if (this.get(path, target, lun) !== undefined) {
      throw new UserError('lun-taken', `two disks at ${name}`, { hint: 'give each disk a LUN of its own' });
    }
    if (this.#byAddress.size >= MAX_UNITS) throw new UserError('too-many-luns', `more than ${MAX_UNITS} disks`);
  }

  /** A drive has no image to take its identity from: the controller and its place make one. */
  #driveId(address: LunAddress): Uint8Array {
    const digits = this.#options.instanceId.replaceAll('-', '');
    const id = Uint8Array.from({ length: 16 }, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16));
    id.set([address.path, address.target, address.lun], 13);
    return id;
  }
}

/** One number for the address of a unit. */
export function addressKey(path: number, target: number, lun: number): number {
  return (path << 16) | (target << 8) | lun;
}
