/**
 * ScsiTask: one command on its way through a logical unit, and the disk request that it becomes.
 *
 * Owners allocate tasks once and use them again. A task is filled in (CDB, initiator, direction, runs of memory), executed
 * by a unit, and ends in exactly one call of {@link ScsiTask.finish}. Reads and writes go to the disk as they are: the
 * task is the {@link DiskRequest}, so that a block command makes no object and copies no data.
 */
import { CDB_SIZE, DataDirection, Sense, ScsiStatus } from '@ringlet/protocols';
import { invariant } from '@ringlet/wire';
import { DiskOperation, DiskStatus, type DiskRequest } from '../../../backends/disk/disk.ts';

/** Runs of memory that a task has room for at first; a request of 32 KiB on scattered, unaligned pages. */
const INITIAL_RUNS = 9;

/** One SCSI command with its data. */
export abstract class ScsiTask implements DiskRequest {
  /** The command; bytes behind its size are whatever the sender put there. */
  readonly cdb = new Uint8Array(CDB_SIZE);
  /** Which initiator sent it: reservations and unit attentions are kept for each. */
  initiator = 0;
  /** One of `DataDirection`. */
  direction: number = DataDirection.Unknown;
  /** Bytes that the runs hold together: the most that may move. */
  bufferLength = 0;

  operation: number = DiskOperation.Read;
  sector = 0;
  count = 0;
  forceUnitAccess = false;
  bytes: Uint8Array;
  runCount = 0;
  runOffset = new Float64Array(INITIAL_RUNS);
  runLength = new Float64Array(INITIAL_RUNS);

  /** SCSI status byte it ended with. */
  status: number = ScsiStatus.Good;
  /** Why it ended with CHECK CONDITION; else 0. */
  sense: number = Sense.None;
  /** Bytes of data that moved. */
  transferred = 0;
  #finished = true;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Makes the task ready for a new command; everything of an earlier one is forgotten. */
  begin(): void {
    this.direction = DataDirection.Unknown;
    this.bufferLength = 0;
    this.runCount = 0;
    this.operation = DiskOperation.Read;
    this.sector = 0;
    this.count = 0;
    this.forceUnitAccess = false;
    this.status = ScsiStatus.Good;
    this.sense = Sense.None;
    this.transferred = 0;
    this.#finished = false;
  }

  /** Appends a run of memory. The room for runs grows to the largest request seen, and stays. */
  addRun(offset: number, length: number): void {
    const at = this.runCount++;
    if (at === this.runOffset.length) this.#grow();
    this.runOffset[at] = offset;
    this.runLength[at] = length;
    this.bufferLength += length;
  }

  /** Shortens the buffer to `length` bytes, which must not exceed what it has. */
  trim(length: number): void {
    let left = length;
    let run = 0;
    for (; left > 0; run++) {
      if (this.runLength[run]! > left) this.runLength[run] = left;
      left -= this.runLength[run]!;
    }
    this.runCount = run;
    this.bufferLength = length;
  }

  /** Whether a command may give data to the initiator. */
  get canReply(): boolean {
    return this.direction !== DataDirection.Out;
  }

  /** Whether a command may take data from the initiator. */
  get canReceive(): boolean {
    return this.direction !== DataDirection.In;
  }

  /** Ends the command well, with data for the initiator: at most `allocation` bytes of it, and what its buffer holds. */
  reply(data: Uint8Array, allocation: number): void {
    const length = Math.min(data.length, allocation, this.bufferLength);
    if (length > 0 && !this.canReply) {
      this.fail(Sense.InvalidFieldInCdb);
      return;
    }
    for (let run = 0, done = 0; done < length; run++) {
      const part = Math.min(this.runLength[run]!, length - done);
      this.bytes.set(data.subarray(done, done + part), this.runOffset[run]!);
      done += part;
    }
    if (length > 0) this.gave(data, length);
    this.good(length);
  }

  /** A private copy of the first `length` bytes of the initiator's data; `undefined` when it did not send as many. */
  receive(length: number): Uint8Array | undefined {
    if (this.bufferLength < length || (length > 0 && !this.canReceive)) return undefined;
    const data = new Uint8Array(length);
    for (let run = 0, done = 0; done < length; run++) {
      const part = Math.min(this.runLength[run]!, length - done);
      data.set(this.bytes.subarray(this.runOffset[run]!, this.runOffset[run]! + part), done);
      done += part;
    }
    if (length > 0) this.took(data);
    return data;
  }

  /** The disk is done with the request that this task is. */
  complete(status: number): void {
    if (status === DiskStatus.Ok) this.good(this.operation <= DiskOperation.Write ? this.bufferLength : 0);
    else this.failDisk(status, this.operation);
  }

  /** Ends the command well. */
  good(transferred = 0): void {
    this.transferred = transferred;
    this.#end(ScsiStatus.Good, Sense.None);
  }

  /** Ends the command with CHECK CONDITION and one of `Sense`. */
  fail(sense: number): void {
    this.transferred = 0;
    this.#end(ScsiStatus.CheckCondition, sense);
  }

  /** Ends the command with what a `DiskStatus` means to an initiator. */
  failDisk(status: number, operation: number): void {
    this.fail(senseOf(status, operation));
  }

  /** Ends the command with a status that carries no sense data: reservation conflict, task set full. */
  refuse(status: number): void {
    this.transferred = 0;
    this.#end(status, Sense.None);
  }

  /** The initiator was given the first `length` bytes of these, which say something of a unit: never what a disk holds. */
  protected gave(_data: Uint8Array, _length: number): void {}

  /** These came from the initiator: parameters, or the block of a command that is neither READ nor WRITE. */
  protected took(_data: Uint8Array): void {}

  /** The command has ended; its result stands in the fields. The owner answers, and may use the task again. */
  protected abstract finished(): void;

  #end(status: number, sense: number): void {
    invariant(!this.#finished, 'a command ends once');
    this.#finished = true;
    this.status = status;
    this.sense = sense;
    this.finished();
  }

  #grow(): void {
    const offsets = new Float64Array(this.runOffset.length * 2);
    const lengths = new Float64Array(this.runOffset.length * 2);
    offsets.set(this.runOffset);
    lengths.set(this.runLength);
    this.runOffset = offsets;
    this.runLength = lengths;
  }
}

function senseOf(status: number, operation: number): number {
  switch (status) {
    case DiskStatus.ReadOnly:
      return Sense.WriteProtected;
    case DiskStatus.NoSpace:
      return Sense.SpaceAllocationFailed;
    case DiskStatus.OutOfRange:
      return Sense.LbaOutOfRange;
    case DiskStatus.Closed:
      return Sense.CommandsClearedByDevice;
    case DiskStatus.IoError:
      return operation === DiskOperation.Read ? Sense.UnrecoveredReadError : Sense.WriteError;
    default:
      return Sense.InternalTargetFailure;
  }
}
