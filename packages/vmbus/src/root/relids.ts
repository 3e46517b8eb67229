/**
 * Channel ids and monitor bits of one child.
 *
 * An id is a bit among the 2048 event flags of a SINT; flag 0 is not a channel's. It is busy from the offer until the
 * child releases it, rescinded or not. A monitor bit goes with it, when the device wants one and the child has the page.
 */
import { invariant } from '@ringlet/wire';
import { NO_MONITOR } from '../messages/connection.ts';
import type { ChannelRecord } from './channel-record.ts';
import { MAX_RELID, MONITOR_IDS, type RootBusLimits } from './limits.ts';

/** Which id belongs to which channel. */
export class RelidTable {
  readonly #holders: (ChannelRecord | undefined)[];
  readonly #monitors = new Set<number>();

  constructor(limits: RootBusLimits) {
    invariant(limits.channels <= MAX_RELID, 'a channel id is an event flag of one SINT');
    this.#holders = Array.from({ length: limits.channels + 1 }, () => undefined);
  }

  /** The channel of an id that a child wrote: any number. */
  find(relid: number): ChannelRecord | undefined {
    return this.#holders[relid];
  }

  /** Gives the id asked for or the lowest free one, and a monitor bit if wanted and possible. @returns false when none is free. */
  assign(record: ChannelRecord, monitored: boolean): boolean {
    const former = record.formerRelid;
    const relid = former > 0 && this.#holders[former] === undefined ? former : this.#holders.indexOf(undefined, 1);
    if (relid < 0) return false;
    this.#holders[relid] = record;
    record.relid = relid;
    record.monitorId = monitored && record.offer.monitorLatency !== undefined ? this.#freeMonitor() : NO_MONITOR;
    if (record.monitorId !== NO_MONITOR) this.#monitors.add(record.monitorId);
    return true;
  }

  /** Takes the id, and the monitor bit, back. */
  free(record: ChannelRecord): void {
    this.#holders[record.relid] = undefined;
    this.#monitors.delete(record.monitorId);
    record.relid = 0;
    record.monitorId = NO_MONITOR;
  }

  /** Puts back an id as it was saved. */
  restore(record: ChannelRecord): void {
    this.#holders[record.relid] = record;
    if (record.monitorId !== NO_MONITOR) this.#monitors.add(record.monitorId);
  }

  #freeMonitor(): number {
    for (let id = 0; id < MONITOR_IDS; id++) if (!this.#monitors.has(id)) return id;
    return NO_MONITOR;
  }
}
