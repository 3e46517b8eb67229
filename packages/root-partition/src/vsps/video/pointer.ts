/** Pointer: the picture of a mouse pointer that the guest wants to be drawn, put together from its parts. */
import { LAST_PART, POINTER_SIDE, pointerBytes, PointerShapeHeader } from '@ringlet/protocols';

/** A pointer's picture. */
export interface PointerShape {
  readonly width: number;
  readonly height: number;
  /** The point of it that points. */
  readonly hotX: number;
  readonly hotY: number;
  /** Whether `data` is blue, green, red and opacity for each pixel; else an AND mask and an XOR mask, a bit a pixel. */
  readonly argb: boolean;
  readonly data: Uint8Array;
}

/** Takes the parts of one shape after another. Holds at most one, of at most 36 KiB. */
export class PointerAssembly {
  #header: PointerShapeHeader | undefined;
  #data = new Uint8Array(0);
  #filled = 0;
  #next = 0;

  /**
   * Takes one message.
   *
   * @returns the shape when it is complete, `undefined` while parts are missing, or why this is no part of one
   */
  add(payload: Uint8Array): PointerShape | undefined | string {
    const header = PointerShapeHeader.decode(payload);
    if (header === undefined) return 'pointer shape that is too short';
    const { width, height, hotX, hotY } = header;
    if (width > POINTER_SIDE || height > POINTER_SIDE || hotX > width || hotY > height) {
      return this.#refuse('pointer shape of an impossible size');
    }
    if (header.part === 0 || this.#header === undefined) this.#begin(header);
    const expected = header.part === LAST_PART || header.part === this.#next;
    if (!expected || !sameShape(header, this.#header!)) return this.#refuse('pointer shape out of order');
    this.#next++;
    const part = payload.subarray(PointerShapeHeader.size, PointerShapeHeader.size + this.#data.length - this.#filled);
    this.#data.set(part, this.#filled);
    this.#filled += part.length;
    if (header.part !== LAST_PART) return undefined;
    const complete = this.#filled === this.#data.length;
    const data = this.#data;
    this.#header = undefined;
    if (!complete) return 'pointer shape without all of its pixels';
    return { width, height, hotX, hotY, argb: header.argb !== 0, data };
  }

  #begin(header: PointerShapeHeader): void {
    this.#header = header;
    this.#data = new Uint8Array(pointerBytes(header));
    this.#filled = 0;
    this.#next = 0;
  }

  #refuse(why: string): string {
    this.#header = undefined;
    return why;
  }
}

const sameShape = (a: PointerShapeHeader, b: PointerShapeHeader): boolean =>
  a.width === b.width && a.height === b.height && a.argb === b.argb;
