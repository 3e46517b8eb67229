/** Damage: parts of a picture that a viewer has not seen yet. */
import type { Rectangle } from '@ringlet/protocols';
import { around, overlap } from '@ringlet/root-partition';

/** Parts kept apart; more become one that holds them all. */
const MOST_PARTS = 24;

/** The parts of one viewer's picture. They may overlap. */
export class Damage {
  #parts: Rectangle[] = [];

  add(parts: readonly Rectangle[]): void {
    for (const part of parts) {
      if (this.#parts.some((known) => holds(known, part))) continue;
      this.#parts = this.#parts.filter((known) => !holds(part, known));
      this.#parts.push(part);
    }
    if (this.#parts.length > MOST_PARTS) this.#parts = [this.#parts.reduce(around)];
  }

  /** Takes out what lies within `window`. What lies only partly in it is taken out whole, and handed over cut. */
  take(window: Rectangle): Rectangle[] {
    const inside: Rectangle[] = [];
    this.#parts = this.#parts.filter((part) => {
      const common = overlap(part, window);
      if (common === undefined) return true;
      inside.push(common);
      return false;
    });
    return inside;
  }

  /** Forgets everything. */
  clear(): void {
    this.#parts = [];
  }
}

const holds = (a: Rectangle, b: Rectangle): boolean =>
  a.left <= b.left && a.top <= b.top && a.right >= b.right && a.bottom >= b.bottom;
