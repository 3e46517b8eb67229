/** Damage: parts of a picture that a viewer has not seen yet. */
import type { Rectangle } from '@ringlet/protocols';

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

const around = (a: Rectangle, b: Rectangle): Rectangle => ({
  left: Math.min(a.left, b.left),
  top: Math.min(a.top, b.top),
  right: Math.max(a.right, b.right),
  bottom: Math.max(a.bottom, b.bottom),
});

/** What two rectangles have in common. */
export function overlap(a: Rectangle, b: Rectangle): Rectangle | undefined {
  const common = {
    left: Math.max(a.left, b.left),
    top: Math.max(a.top, b.top),
    right: Math.min(a.right, b.right),
    bottom: Math.min(a.bottom, b.bottom),
  };
  return common.left < common.right && common.top < common.bottom ? common : undefined;
}
