/**
 * ImageSource: an image as its format's reader sees it while it is opened: read only, bounds checked, with what a log
 * would still write laid over it.
 */
import { readSync } from 'node:fs';
import type { UserError } from '@ringlet/wire';
import { damaged, hostRefused, unsupported } from './failures.ts';

/** Bytes of one patched page. */
export const PATCH_PAGE = 4096;
const NO_PATCHES: ReadonlyMap<number, Uint8Array> = new Map();

/** An image being opened. Nothing here can change it. */
export class ImageSource {
  /** For messages. */
  readonly name: string;
  /** Bytes, including what patches add at the end. */
  readonly size: number;
  readonly #stored: number;
  readonly #read: (bytes: Uint8Array, position: number) => number;
  readonly #patches: ReadonlyMap<number, Uint8Array>;

  /** `read` fills `bytes` from `position` on and returns how many bytes there were. */
  constructor(
    name: string,
    size: number,
    read: (bytes: Uint8Array, position: number) => number,
    patches: ReadonlyMap<number, Uint8Array> = NO_PATCHES,
    patchedSize = size,
  ) {
    this.name = name;
    this.#stored = size;
    this.size = Math.max(size, patchedSize);
    this.#read = read;
    this.#patches = patches;
  }

  /** An open file of the host. */
  static ofFile(name: string, fd: number, size: number): ImageSource {
    return new ImageSource(name, size, (bytes, position) => {
      let done = 0;
      while (done < bytes.length) {
        let count: number;
        try {
          count = readSync(fd, bytes, done, bytes.length - done, position + done);
        } catch (error) {
          throw hostRefused(name, error);
        }
        if (count === 0) break;
        done += count;
      }
      return done;
    });
  }

  /** An image in memory. */
  static ofBytes(name: string, image: Uint8Array): ImageSource {
    return new ImageSource(name, image.length, (bytes, position) => {
      const part = image.subarray(position, position + bytes.length);
      bytes.set(part);
      return part.length;
    });
  }

  /** The same image with pages, by their number, replaced, and grown to at least `size`. */
  patched(pages: ReadonlyMap<number, Uint8Array>, size: number): ImageSource {
    return new ImageSource(this.name, this.#stored, this.#read, pages, size);
  }

  /** Whether `length` bytes at `position` lie in the image. */
  holds(position: number, length: number): boolean {
    return position >= 0 && length >= 0 && position + length <= this.size;
  }

  /** Reads bytes into memory of their own. @throws UserError when the image is shorter, or the host fails. */
  read(position: number, length: number): Uint8Array {
    if (!this.holds(position, length)) throw this.damaged(`it ends before byte ${position + length}`);
    const bytes = new Uint8Array(length);
    const stored = Math.max(0, Math.min(length, this.#stored - position));
    if (stored > 0 && this.#read(bytes.subarray(0, stored), position) < stored) {
      throw this.damaged(`it ended while it was read, at byte ${position}`);
    }
    this.#patch(bytes, position);
    return bytes;
  }

  damaged(what: string): UserError {
    return damaged(this.name, what);
  }

  unsupported(what: string, hint?: string): UserError {
    return unsupported(this.name, what, hint);
  }

  #patch(bytes: Uint8Array, position: number): void {
    if (this.#patches.size === 0) return;
    const last = Math.floor((position + bytes.length - 1) / PATCH_PAGE);
    for (let page = Math.floor(position / PATCH_PAGE); page <= last; page++) {
      const patch = this.#patches.get(page);
      if (patch === undefined) continue;
      const from = Math.max(position, page * PATCH_PAGE);
      const to = Math.min(position + bytes.length, (page + 1) * PATCH_PAGE);
      bytes.set(patch.subarray(from - page * PATCH_PAGE, to - page * PATCH_PAGE), from - position);
    }
  }
}

/** A 64-bit number of an image as a plain one; Infinity when it is too large to be a real position or size. */
export function plain(value: bigint): number {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : Infinity;
}
