/** What may be asked of the inside of a running guest, by its integration components. */

/** Pools of keys that a guest has: what the host gave it, what its programs wrote, what its operating system says. */
export type KeyPool = 'host' | 'guest' | 'system';

/** Where a file goes in a guest. */
export interface CopyTarget {
  /** Absolute path of a directory in the guest. */
  readonly directory: string;
  /** Name of the file there. */
  readonly name: string;
  /** Replaces a file that is there. */
  readonly overwrite?: boolean;
  /** Makes the directory when it is not there. */
  readonly createPath?: boolean;
}

/** How to copy a disk. */
export interface BackupOptions {
  /** By the extension of the image's path when absent. */
  readonly format?: 'raw' | 'vhd' | 'vhdx';
  /** Copies without making the guest hold still, as a power cut would leave the disk. */
  readonly live?: boolean;
  /** Storage controller of the disk; 0 when absent. */
  readonly controller?: number;
  /** Its SCSI target; 0 when absent. */
  readonly target?: number;
  /** Its logical unit; 0 when absent. */
  readonly lun?: number;
}

/** A guest, as far as its integration components go. */
export interface ControllableGuest {
  /** Makes it set its clock to the host's time. */
  syncTime(): Promise<void>;
  /** Its keys. @throws UserError `key-value-not-ready` while nobody in the guest answers */
  keyValues(pool: KeyPool): Promise<Readonly<Record<string, string>>>;
  /** Copies a file of the host into it. @returns how many bytes. @throws UserError `copy-exists`, `copy-refused`… */
  copyFile(file: string, target: CopyTarget): Promise<{ readonly bytes: number }>;
  /** Copies one of its disks into a new image. @returns bytes that are not zero. @throws UserError `backup-not-frozen`… */
  backup(path: string, options?: BackupOptions): Promise<{ readonly bytes: number }>;
  /** Gives it a key, or takes it away when `value` is absent. */
  setKeyValue(key: string, value: string | undefined): Promise<void>;
}
