/** Files that go into a machine's guest, and copies of its disks that come out while it runs. */
import { closeSync, fstatSync, openSync, read, readSync } from 'node:fs';
import type { Vsp } from '@ringlet/vmbus';
import { UserError } from '@ringlet/wire';
import { copyDisk, type CopyDiskOptions } from '../backends/disk/copy-disk.ts';
import type { Disk } from '../backends/disk/disk.ts';
import Backup, { type BackupResult } from '../vsps/integration/backup.ts';
import FileCopy, { type FileCopyResult, type FileCopySource } from '../vsps/integration/file-copy.ts';
import type { DiskPlace } from './machine-disks.ts';
import type { Answers, MachinePart, WorldOf } from './machine-part.ts';

/** What may be asked about files. */
export interface FileRequests {
  /** Copies a file of the host into the guest. @throws UserError when it cannot be read, or the guest does not take it */
  copyFile(parameters: {
    /** Path on the host. */
    file: string;
    /** Directory and name in the guest. */
    directory: string;
    name: string;
    overwrite: boolean;
    createPath: boolean;
  }): { bytes: number };
  /**
   * Copies a disk into a new image while the guest holds still.
   *
   * @throws UserError when the guest does not, unless `freeze` is false
   */
  backupDisk(parameters: Partial<DiskPlace> & { path: string; format: CopyDiskOptions['format']; freeze: boolean }): {
    bytes: number;
  };
}

/** What this part of a machine is made with. */
export interface MachineFilesOptions {
  readonly world: WorldOf;
  readonly io: 'adaptive' | 'inline';
  /** The disk at a place. @throws UserError when there is none */
  readonly disk: (place: Partial<DiskPlace>) => Disk;
}

/** Files and backups of one machine. */
export class MachineFiles implements MachinePart<FileRequests> {
  readonly vsps: readonly Vsp[];
  readonly #options: MachineFilesOptions;
  readonly #copy: FileCopy;
  readonly #backup: Backup;

  constructor(options: MachineFilesOptions) {
    this.#options = options;
    this.#copy = new FileCopy(options.world('file copy'));
    this.#backup = new Backup(options.world('backup'));
    this.vsps = [this.#copy, this.#backup];
  }

  readonly answers: Answers<FileRequests> = {
    copyFile: async ({ file, ...target }) => {
      const { source, close } = openSource(file, this.#options.io);
      try {
        const result = await new Promise<FileCopyResult>((done) => this.#copy.copy({ ...target, source }, done));
        if (result !== 'done') throw notCopied(result, file);
        return { bytes: source.size };
      } finally {
        close();
      }
    },
    backupDisk: async ({ path, format, freeze, ...place }) => {
      const disk = this.#options.disk(place);
      if (!freeze) return { bytes: await copyDisk(disk, path, { format, io: this.#options.io }) };
      const frozen = await new Promise<BackupResult>((done) => this.#backup.freeze(done));
      if (frozen !== 'done') throw notFrozen(frozen);
      let thawed: BackupResult;
      let bytes: number;
      try {
        bytes = await copyDisk(disk, path, { format, io: this.#options.io });
      } finally {
        thawed = await new Promise<BackupResult>((done) => this.#backup.thaw(done));
      }
      if (thawed === 'thawed-meanwhile' || thawed === 'closed') throw notFrozen(thawed);
      return { bytes };
    },
  };

  /** Everything about them is with the bus's devices. */
  inspect(): Record<string, unknown> {
    return {};
  }
}

/** @param io - `inline`: a piece is there when `read` returns, so that the host's time decides nothing */
function openSource(file: string, io: MachineFilesOptions['io']): { source: FileCopySource; close: () => void } {
  const refused = (cause: unknown): UserError =>
    new UserError('file-unreadable', `${file} cannot be read: ${String(cause)}`, { hint: 'check the path', cause });
  let fd: number;
  try {
    fd = openSync(file, 'r');
  } catch (cause) {
    throw refused(cause);
  }
  const stat = fstatSync(fd);
  if (!stat.isFile()) {
    closeSync(fd);
    throw refused('it is no file');
  }
  let [reading, over] = [false, false];
  const source: FileCopySource = {
    size: stat.size,
    read: (offset, length, done) => {
      const bytes = new Uint8Array(length);
      if (io === 'inline') return done(readNow(fd, bytes, offset) ? bytes : undefined);
      reading = true;
      read(fd, bytes, 0, length, offset, (error, got) => {
        reading = false;
        if (over) closeSync(fd);
        // A file that shrinks meanwhile is not what was asked to be copied.
        done(error || got < length ? undefined : bytes);
      });
    },
  };
  // The guest may close its end while a piece is being read.
  const close = (): void => {
    over = true;
    if (!reading) closeSync(fd);
  };
  return { source, close };
}

function readNow(fd: number, bytes: Uint8Array, offset: number): boolean {
  try {
    return readSync(fd, bytes, 0, bytes.length, offset) === bytes.length;
  } catch {
    return false;
  }
}

function notCopied(result: Exclude<FileCopyResult, 'done'>, file: string): UserError {
  const [why, hint] = {
    'not-ready': ['the guest has not opened the file copy component', 'it may still be booting'],
    'too-many': ['too many copies wait already', 'try again when some are done'],
    exists: ['the guest has such a file', 'replace it with --force'],
    'disk-full': ['the disk of the guest is full', 'make room there'],
    refused: ['the guest refused', 'in a Linux guest hv_fcopy_daemon has to run; ringlet exec can do without'],
    timeout: ['the guest did not answer', 'try again'],
    closed: ['the guest closed the file copy component', 'it may be shutting down'],
    unreadable: ['the file could not be read to its end', 'it may have changed meanwhile'],
    'name-too-long': ['a name or directory has more than 259 characters', 'choose a shorter one'],
  }[result] as [string, string];
  return new UserError(`copy-${result}`, `${file} was not copied: ${why}`, { hint });
}

function notFrozen(result: Exclude<BackupResult, 'done'>): UserError {
  const why = {
    'not-ready': 'it has not opened the backup component',
    'in-progress': 'a backup is under way',
    refused: 'it refused',
    timeout: 'it did not answer',
    closed: 'it closed the backup component',
    'thawed-meanwhile': 'it went on before the copy was whole',
  }[result];
  return new UserError('backup-not-frozen', `the guest cannot be made to hold still: ${why}`, {
    hint: 'in a Linux guest hv_vss_daemon has to run; --live copies what a power cut would leave',
  });
}
