/** Time, as a network backend needs it: milliseconds, and calls later. Tests give a clock of their own. */
import { performance } from 'node:perf_hooks';

/** A clock that never goes back, with an alarm. */
export interface NetworkClock {
  /** Milliseconds since some moment. */
  now(): number;
  /** Calls `run` once, after so many milliseconds. @returns what takes it back */
  after(milliseconds: number, run: () => void): () => void;
  /** Calls `run` once what waits on this thread has had its turn. */
  soon(run: () => void): void;
}

/** The host's clock. Its timers do not keep the process alive. */
export const HOST_CLOCK: NetworkClock = {
  now: () => performance.now(),
  after: (milliseconds, run) => {
    const timer = setTimeout(run, milliseconds);
    timer.unref();
    return () => clearTimeout(timer);
  },
  soon: (run) => void setImmediate(run),
};
