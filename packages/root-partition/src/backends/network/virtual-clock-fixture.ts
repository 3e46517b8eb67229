/** A clock for tests: time passes when told, from one thing that is due to the next. */
import type { NetworkClock } from './network-clock.ts';

interface Due {
  at: number;
  order: number;
  run: () => void;
}

/** Runs what is due in order of time. */
export class VirtualClock implements NetworkClock {
  #now = 0;
  #order = 0;
  readonly #due: Due[] = [];

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, run: () => void): () => void {
    const due = { at: this.#now + milliseconds, order: this.#order++, run };
    this.#due.push(due);
    return () => {
      const index = this.#due.indexOf(due);
      if (index >= 0) this.#due.splice(index, 1);
    };
  }

  soon(run: () => void): void {
    this.after(0, run);
  }

  /** Lets time pass until nothing is due within `milliseconds`. @returns how many things ran */
  run(milliseconds = Infinity, most = 1_000_000): number {
    const end = this.#now + milliseconds;
    let ran = 0;
    for (; ran < most; ran++) {
      let next: Due | undefined;
      for (const due of this.#due) {
        if (!next || due.at < next.at || (due.at === next.at && due.order < next.order)) next = due;
      }
      if (!next || next.at > end) break;
      this.#due.splice(this.#due.indexOf(next), 1);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    if (milliseconds !== Infinity) this.#now = end;
    return ran;
  }
}
