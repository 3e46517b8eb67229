/** What guests do wrong: counted always, reported less and less often. */
import type { DeviceLog } from '@ringlet/vmbus';

/** Different mistakes kept for each device; their texts are constants, so this is never reached by an honest device. */
const MOST_KINDS = 64;
const OTHER = 'other mistakes';

/** Counts mistakes by device and kind, and reports the 1st, 2nd, 4th, 8th… of each. */
export class GuestErrorLog {
  readonly #report: (device: string, what: string, count: number) => void;
  readonly #counts = new Map<string, Map<string, number>>();

  constructor(report: (device: string, what: string, count: number) => void) {
    this.#report = report;
  }

  /** The log that one device writes to. */
  of(device: string): DeviceLog {
    const counts = this.#counts.get(device) ?? new Map<string, number>();
    this.#counts.set(device, counts);
    return {
      guestError: (what) => {
        const kind = counts.has(what) || counts.size < MOST_KINDS ? what : OTHER;
        const count = (counts.get(kind) ?? 0) + 1;
        counts.set(kind, count);
        if ((count & (count - 1)) === 0) this.#report(device, kind, count);
      },
      info: () => {},
    };
  }

  /** Counts by device and kind. */
  inspect(): Record<string, Record<string, number>> {
    const noted = [...this.#counts].filter(([, counts]) => counts.size > 0);
    return Object.fromEntries(noted.map(([device, counts]) => [device, Object.fromEntries(counts)]));
  }
}
