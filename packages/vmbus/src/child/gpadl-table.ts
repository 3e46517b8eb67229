/**
 * GpadlTable: the buffers this guest has described to the root, from GPADL_HEADER to GPADL_TORNDOWN.
 *
 *     creating ──created──▶ live ──teardown──▶ tearing ──torndown──▶ forgotten
 *         └────── failure or rescind ──────────────┘
 */
import { PAGE_SIZE } from '@ringlet/microkernel';
import { gpadlMessages, type GpadlRange } from '../messages/gpadl-ranges.ts';
import { BusError } from './bus-error.ts';

/** Linux counts from here too; a root must not care. */
const FIRST_ID = 0xe1e10;

/** Told how a request ended: nothing on success. */
export type Ended = (error?: BusError) => void;

interface Gpadl {
  readonly relid: number;
  state: 'creating' | 'live' | 'tearing';
  ended: Ended | undefined;
}

/** A range of whole pages. */
export const wholePages = (pages: Float64Array): GpadlRange => ({
  byteCount: pages.length * PAGE_SIZE,
  byteOffset: 0,
  pages,
});

/** All GPADLs of one connection. Methods that take messages return false for what answers nothing we asked. */
export class GpadlTable {
  readonly #post: (message: Uint8Array) => void;
  readonly #teardown: (relid: number, gpadl: number) => void;
  readonly #gpadls = new Map<number, Gpadl>();
  #nextId = FIRST_ID;

  constructor(post: (message: Uint8Array) => void, teardown: (relid: number, gpadl: number) => void) {
    this.#post = post;
    this.#teardown = teardown;
  }

  get size(): number {
    return this.#gpadls.size;
  }

  /** Describes a buffer to the root. @returns its id, usable once `ended` is called without an error. */
  create(relid: number, range: GpadlRange, ended: Ended): number {
    const id = this.#nextId;
    this.#nextId = id === 0xffff_ffff ? FIRST_ID : id + 1;
    this.#gpadls.set(id, { relid, state: 'creating', ended });
    for (const message of gpadlMessages(relid, id, range)) this.#post(message);
    return id;
  }

  /** Asks for the buffer back; the guest may use its pages again once `ended` is called. */
  tearDown(id: number, ended: Ended): void {
    const gpadl = this.#gpadls.get(id);
    if (gpadl?.state !== 'live') {
      ended(gpadl && new BusError('wrong-state', 'the GPADL is not established, or is already being torn down'));
      return;
    }
    gpadl.state = 'tearing';
    gpadl.ended = ended;
    this.#teardown(gpadl.relid, id);
  }

  /** GPADL_CREATED: both ids must be those of a request under way. */
  created(relid: number, id: number, status: number): boolean {
    const gpadl = this.#gpadls.get(id);
    if (gpadl?.state !== 'creating' || gpadl.relid !== relid) return false;
    const ended = gpadl.ended;
    gpadl.ended = undefined;
    if (status === 0) gpadl.state = 'live';
    else this.#gpadls.delete(id);
    ended?.(status === 0 ? undefined : new BusError('refused', `the root refused a GPADL: ${hex(status)}`));
    return true;
  }

  /** GPADL_TORNDOWN. */
  torndown(id: number): boolean {
    const gpadl = this.#gpadls.get(id);
    if (gpadl?.state !== 'tearing') return false;
    this.#gpadls.delete(id);
    gpadl.ended?.();
    return true;
  }

  /**
   * The channel is gone: whoever waits for an answer gets one now, and a torn-down buffer counts as torn down. Linux
   * sends no teardown for a rescinded channel either.
   */
  rescinded(relid: number): void {
    for (const [id, gpadl] of this.#gpadls) {
      if (gpadl.relid !== relid) continue;
      this.#gpadls.delete(id);
      gpadl.ended?.(gpadl.state === 'creating' ? new BusError('rescinded', 'the root took the offer back') : undefined);
    }
  }

  /** The connection is over: as {@link rescinded}, for all. */
  clear(): void {
    for (const relid of new Set([...this.#gpadls.values()].map((gpadl) => gpadl.relid))) this.rescinded(relid);
  }
}

const hex = (status: number): string => `0x${status.toString(16)}`;
