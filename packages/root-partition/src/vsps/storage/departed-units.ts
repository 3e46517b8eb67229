/**
 * DepartedUnits: disks that were taken from a running guest.
 *
 * A guest that is told of it takes its device apart, and asks the disk to make its cache durable on the way: Linux sends
 * SYNCHRONIZE CACHE to a unit that it has just learnt is gone, three times, and complains when that fails. What the guest
 * had been told was written is made durable when a disk goes, so the answer can be a true "good" after that.
 */
import { ScsiOp, ScsiStatus, SrbStatus } from '@ringlet/protocols';
import { type Disk, DiskOperation, type DiskRequest, DiskStatus } from '../../backends/disk/disk.ts';
import type { StorageRequest } from './storage-request.ts';

/** A disk that goes, or has gone. */
interface Departure {
  /** One of {@link DiskStatus}; `undefined` while it is being made durable. */
  flushed: number | undefined;
  /** Bounded by the requests that lanes have. */
  readonly waiting: StorageRequest[];
}

/** Disks that went, by their address, until another comes there. */
export class DepartedUnits {
  readonly #departures = new Map<number, Departure>();

  /** A disk leaves `address`: nothing is at it any more once the function that is returned is called. */
  leaving(address: number): (disk: Disk, done: () => void) => void {
    const departure: Departure = { flushed: undefined, waiting: [] };
    this.#departures.set(address, departure);
    return (disk, done) => {
      disk.submit(
        flush((status) => {
          departure.flushed = status;
          for (const request of departure.waiting.splice(0)) end(request, status);
          done();
        }),
      );
    };
  }

  /** Another unit is at `address` now, and answers for itself. */
  arrived(address: number): void {
    this.#departures.delete(address);
  }

  /** Answers a request to make a departed disk durable, now or soon. @returns whether it is one. */
  answer(request: StorageRequest, address: number): boolean {
    const operation = request.cdb[0];
    if (operation !== ScsiOp.SynchronizeCache10 && operation !== ScsiOp.SynchronizeCache16) return false;
    const departure = this.#departures.get(address);
    if (departure === undefined) return false;
    if (departure.flushed === undefined) departure.waiting.push(request);
    else end(request, departure.flushed);
    return true;
  }
}

function end(request: StorageRequest, status: number): void {
  if (status === DiskStatus.Ok) return request.good();
  request.srbStatus = SrbStatus.InvalidLun;
  request.refuse(ScsiStatus.CheckCondition);
}

function flush(complete: (status: number) => void): DiskRequest {
  const none = new Float64Array(0);
  return {
    operation: DiskOperation.Flush,
    sector: 0,
    count: 0,
    forceUnitAccess: false,
    bytes: new Uint8Array(0),
    runCount: 0,
    runOffset: none,
    runLength: none,
    complete,
  };
}
