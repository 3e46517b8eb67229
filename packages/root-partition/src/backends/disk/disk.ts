/**
 * Disk: what every block backend is to the storage VSP.
 *
 * Requests are objects that their owner allocates once and uses again; a backend answers each exactly once through
 * {@link DiskRequest.complete}, at once or later, on the same thread. Data moves straight between the file and the
 * guest's pages: a request names runs of bytes in one long-lived view.
 */

/** What a request asks for. */
export const DiskOperation = { Read: 0, Write: 1, Flush: 2, Unmap: 3, WriteZeroes: 4 } as const;

/** How a request ended. */
export const DiskStatus = {
  Ok: 0,
  /** The host could not read or write; data on the medium is unknown. */
  IoError: 1,
  /** A write to a disk that allows none. */
  ReadOnly: 2,
  /** The file system below is full: nothing of the request needs to have been written. */
  NoSpace: 3,
  /** Sectors beyond the end. The VSP checks first; this guards against a disk that shrank meanwhile. */
  OutOfRange: 4,
  /** The disk was closed while the request waited. */
  Closed: 5,
} as const;

/** One request. The owner fills it in, submits it, and may fill it in again once `complete` was called. */
export interface DiskRequest {
  /** One of {@link DiskOperation}. */
  operation: number;
  /** First sector, in units of {@link Disk.sectorSize}. */
  sector: number;
  /** Sectors. 0 for a flush. */
  count: number;
  /** Write through: durable before it completes. */
  forceUnitAccess: boolean;
  /** The memory that the runs lie in. */
  bytes: Uint8Array;
  /** Runs of memory, in order; together exactly `count` sectors for reads and writes. */
  runCount: number;
  /** Byte offset of each run in `bytes`. */
  runOffset: Float64Array;
  /** Length of each run in bytes. */
  runLength: Float64Array;
  /**
   * Called exactly once for each submission, with one of {@link DiskStatus}; for cached data often before `submit`
   * returns. A caller that submits more from in here keeps its own loop flat: take the next request after `submit` returned.
   */
  complete(status: number): void;
}

/** A block device. */
export interface Disk {
  /** For people: `raw`, `vhdx`… */
  readonly kind: string;
  /** Bytes in a logical sector: 512 or 4096, or 2048 for an optical disc. */
  readonly sectorSize: number;
  /** Bytes in a physical sector, a multiple of {@link sectorSize}. */
  readonly physicalSectorSize: number;
  /** Sectors now. Changes only by {@link Disk.onResize}. */
  readonly sectorCount: number;
  /** Writes are refused with a status. */
  readonly readOnly: boolean;
  /** Identity that survives restarts: 16 bytes, from the image where it has one. */
  readonly id: Uint8Array;
  /**
   * Unmap granularity in sectors; 0 when unmap is not supported. Unmap is a hint: what does not cover whole, aligned
   * granules keeps its data. An unmap where none is supported succeeds and changes nothing.
   */
  readonly unmapGranularity: number;
  /** Whether unmapped sectors read as zeroes. */
  readonly unmapReadsZero: boolean;
  /** A CD or DVD rather than a disk. */
  readonly optical: boolean;

  /** Begins a request. It ends by one call of its `complete`, at once or later. */
  submit(request: DiskRequest): void;
  /** Calls `changed` whenever {@link sectorCount} has changed. One listener. */
  onResize(changed: () => void): void;
  /** Grows or shrinks the disk, where the format can; status through `done`. */
  resize?(sectorCount: number, done: (status: number) => void): void;
  /** Plain data for `ringlet inspect`. */
  inspect(): Record<string, unknown>;
  /** Lets requests in flight finish, makes everything durable, closes the files, then calls `done`. */
  close(done: (status: number) => void): void;
}
