/** Canvas: pixels in the guest's memory to draw on, and what has been drawn since the last time somebody asked. */
import type { Rectangle } from '@ringlet/protocols';

/** Changes remembered one by one; more become one that holds them all. */
const MOST_CHANGES = 64;

/** A picture of `width` by `height` pixels, each 0xRRGGBB. */
export class Canvas {
  /** Pixels of a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** The pixels themselves, row by row: what is written here is in the picture. Say so with {@link Canvas.touch}. */
  readonly pixels: Uint32Array;
  #changes: Rectangle[] = [];

  constructor(width: number, height: number, pixels: Uint32Array) {
    this.width = width;
    this.height = height;
    this.pixels = pixels;
  }

  /** Fills a rectangle, as far as it lies in the picture. */
  fill(left: number, top: number, width: number, height: number, colour: number): void {
    const part = this.touch(left, top, width, height);
    if (part === undefined) return;
    for (let y = part.top; y < part.bottom; y++) {
      this.pixels.fill(colour, y * this.width + part.left, y * this.width + part.right);
    }
  }

  /** Remembers that a rectangle has changed. @returns the part of it that lies in the picture, if any does */
  touch(left: number, top: number, width: number, height: number): Rectangle | undefined {
    const part = {
      left: Math.max(Math.floor(left), 0),
      top: Math.max(Math.floor(top), 0),
      right: Math.min(Math.ceil(left + width), this.width),
      bottom: Math.min(Math.ceil(top + height), this.height),
    };
    if (part.left >= part.right || part.top >= part.bottom) return undefined;
    this.#changes.push(part);
    if (this.#changes.length > MOST_CHANGES) this.#changes = [this.#changes.reduce(around)];
    return part;
  }

  /** What has changed since the last call. */
  takeChanges(): readonly Rectangle[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }
}

/** The smallest rectangle that holds both. */
const around = (a: Rectangle, b: Rectangle): Rectangle => ({
  left: Math.min(a.left, b.left),
  top: Math.min(a.top, b.top),
  right: Math.max(a.right, b.right),
  bottom: Math.max(a.bottom, b.bottom),
});
