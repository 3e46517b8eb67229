/**
 * BlockFile: what a disk format reads and writes. On the host it is {@link HostFile}; in memory, {@link MemoryFile}.
 *
 * Operations may overlap in time and end in any order. A sync covers every write that completed before it began.
 */
import type { Runs } from '../runs.ts';

/** Who waits for an operation. A `DiskRequest` is one. */
export interface Completion {
  /** Called exactly once, with a `DiskStatus`, before or after the call that started the operation returns. */
  complete(status: number): void;
}

/** A file of bytes, addressed by position. */
export interface BlockFile {
  /**
   * Bytes up to which a file that is shorter reads as zeroes, so that a format can use new space at the end before the
   * file has grown. A read beyond both ends fails.
   */
  zeroesTo: number;
  /** Reads `length` bytes at `position` into `runs`, from `skip` bytes in. */
  read(runs: Runs, skip: number, length: number, position: number, completion: Completion): void;
  /** Writes `length` bytes of `runs`, from `skip` bytes in, at `position`. The file grows as needed. */
  write(runs: Runs, skip: number, length: number, position: number, completion: Completion): void;
  /** Makes completed writes, and the size, durable. */
  sync(completion: Completion): void;
  /** Cuts or extends the file; new bytes are zeroes and take no space. */
  setSize(size: number, completion: Completion): void;
  /** Waits for what is in flight, then closes. */
  close(completion: Completion): void;
  inspect(): Record<string, unknown>;
}
