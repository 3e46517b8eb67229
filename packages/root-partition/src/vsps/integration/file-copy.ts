/**
 * File copy VSP: writes a file of the host into the guest, piece by piece (Hyper-V's guest service interface).
 *
 *     start ──▶ write ──▶ … ──▶ complete
 *       └─────────┴── anything refused ──▶ cancel
 *
 * One file at a time; others wait their turn. Nothing is saved: a copy that was under way when the machine was saved has
 * failed. In Linux a daemon, hv_fcopy_daemon, writes the file; without it every copy is refused.
 */
import {
  FILE_NAME_UNITS,
  FILE_PIECE_BYTES,
  FileCopyFlag,
  FileCopyHeader,
  FileCopyOperation,
  FileCopyStart,
  FileCopyWrite,
  IcStatus,
  IntegrationService,
} from '@ringlet/protocols';
import type { Channel, DeviceWorld, Packet, Vsp } from '@ringlet/vmbus';
import { type IcAnswer, integrationOffer, IntegrationSession } from './integration-session.ts';

/** 40 s, in units of 100 ns: Linux's driver gives its daemon 30. */
const TIMEOUT = 400_000_000;
/** Copies that wait for their turn. */
const MAX_QUEUE = 16;

/** Where bytes come from. */
export interface FileCopySource {
  /** Bytes in all. */
  readonly size: number;
  /** Reads `length` bytes at `offset`; `undefined` when that fails. At once, or later. */
  read(offset: number, length: number, done: (bytes: Uint8Array | undefined) => void): void;
}

/** What is copied, and where to. */
export interface FileCopyOrder {
  readonly source: FileCopySource;
  /** Directory in the guest. */
  readonly directory: string;
  readonly name: string;
  /** A file that is there is replaced. */
  readonly overwrite: boolean;
  /** The directory is made when it is not there. */
  readonly createPath: boolean;
  /** Told how many bytes the guest has. */
  readonly progress?: (bytes: number) => void;
}

/** How a copy ended. `name-too-long`: what the protocol can say has 259 UTF-16 units. */
export type FileCopyResult =
  | 'done'
  | 'not-ready'
  | 'too-many'
  | 'exists'
  | 'disk-full'
  | 'refused'
  | 'timeout'
  | 'closed'
  | 'unreadable'
  | 'name-too-long';

interface Copy {
  readonly order: FileCopyOrder;
  readonly done: (result: FileCopyResult) => void;
  offset: number;
}

/** Copies files into one guest. */
export default class FileCopy implements Vsp {
  readonly offer = integrationOffer('file copy', IntegrationService.fileCopy);
  readonly #session: IntegrationSession;
  readonly #queue: Copy[] = [];
  #current: Copy | undefined;
  #copied = 0;

  constructor(world: DeviceWorld) {
    this.#session = new IntegrationSession(IntegrationService.fileCopy, world, { closed: () => this.#closed() });
  }

  /** Copies a file; `done` is called exactly once. */
  copy(order: FileCopyOrder, done: (result: FileCopyResult) => void): void {
    const { state } = this.#session;
    if (state !== 'ready' && state !== 'busy') return done('not-ready');
    if ([order.name, asFolder(order.directory)].some((text) => text.length >= FILE_NAME_UNITS))
      return done('name-too-long');
    if (this.#queue.length >= MAX_QUEUE) return done('too-many');
    this.#queue.push({ order, done, offset: 0 });
    this.#next();
  }

  opened(channel: Channel): void {
    this.#session.opened(channel);
  }

  packet(packet: Packet): void {
    this.#session.packet(packet);
  }

  closed(_channel: Channel, done: () => void): void {
    this.#session.closed();
    done();
  }

  inspect(): Record<string, unknown> {
    const { order, offset } = this.#current ?? {};
    const current = order && { name: order.name, bytes: order.source.size, done: offset };
    return {
      ...this.#session.inspect(),
      copied: this.#copied,
      waiting: this.#queue.length,
      ...(current && { current }),
    };
  }

  #next(): void {
    if (this.#current !== undefined || this.#session.state !== 'ready') return;
    const copy = this.#queue.shift();
    if (copy === undefined) return;
    this.#current = copy;
    const { source, directory, name, overwrite, createPath } = copy.order;
    const payload = FileCopyStart.encode({
      operation: FileCopyOperation.Start,
      name,
      path: asFolder(directory),
      flags: (overwrite ? FileCopyFlag.Overwrite : 0) | (createPath ? FileCopyFlag.CreatePath : 0),
      size: BigInt(source.size),
    });
    this.#request(copy, payload, () => this.#write(copy), false);
  }

  #write(copy: Copy): void {
    const { source, progress } = copy.order;
    const { offset } = copy;
    const length = Math.min(FILE_PIECE_BYTES, source.size - offset);
    if (length === 0) {
      const payload = FileCopyHeader.encode({ operation: FileCopyOperation.Complete });
      return this.#request(copy, payload, () => this.#end(copy, 'done'), false);
    }
    source.read(offset, length, (bytes) => {
      if (this.#current !== copy) return;
      if (bytes === undefined) return this.#cancel(copy, 'unreadable');
      const data = new Uint8Array(FILE_PIECE_BYTES);
      data.set(bytes);
      const payload = FileCopyWrite.encode({
        operation: FileCopyOperation.Write,
        offset: BigInt(offset),
        size: length,
        data,
      });
      const written = (): void => {
        copy.offset += length;
        progress?.(copy.offset);
        this.#write(copy);
      };
      this.#request(copy, payload, written, true);
    });
  }

  /** @param begun - the guest has opened the file: it has to be told when the copy fails */
  #request(copy: Copy, payload: Uint8Array, succeeded: () => void, begun: boolean): void {
    const answered = (answer: IcAnswer): void => {
      if (this.#current !== copy) return;
      const result = answer.outcome === 'answered' ? resultOf(answer.status) : answer.outcome;
      if (result === 'closed') return this.#end(copy, 'closed');
      if (result === 'done') succeeded();
      else if (begun) this.#cancel(copy, result);
      else this.#end(copy, result);
    };
    const asked = this.#session.request(payload.length, () => payload, TIMEOUT, answered);
    if (!asked) this.#end(copy, 'closed');
  }

  #cancel(copy: Copy, result: FileCopyResult): void {
    const payload = FileCopyHeader.encode({ operation: FileCopyOperation.Cancel });
    const asked = this.#session.request(
      payload.length,
      () => payload,
      TIMEOUT,
      () => this.#end(copy, result),
    );
    if (!asked) this.#end(copy, result);
  }

  #end(copy: Copy, result: FileCopyResult): void {
    if (this.#current !== copy) return;
    this.#current = undefined;
    if (result === 'done') this.#copied++;
    copy.done(result);
    this.#next();
  }

  #closed(): void {
    const waiting = this.#queue.splice(0);
    const current = this.#current;
    this.#current = undefined;
    for (const copy of current === undefined ? waiting : [current, ...waiting]) copy.done('closed');
  }
}

/** Linux's daemon makes directories up to each separator, and puts the name right behind the path: it has to end with one. */
function asFolder(directory: string): string {
  const separator = directory.includes('\\') ? '\\' : '/';
  return directory.endsWith(separator) ? directory : directory + separator;
}

function resultOf(status: number): FileCopyResult {
  switch (status) {
    case IcStatus.Success:
      return 'done';
    case IcStatus.AlreadyExists:
      return 'exists';
    case IcStatus.DiskFull:
      return 'disk-full';
    default:
      return 'refused';
  }
}
