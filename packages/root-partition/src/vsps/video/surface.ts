/** Surface: the shape of a guest's picture, and its pixels in the form that the rest of the world uses. */
import type { Rectangle, VideoSituation } from '@ringlet/protocols';
import type { VideoMemory } from './video-memory.ts';

/** What is on the screen: pixels of four bytes, blue, green, red, and one without meaning. */
export interface Surface {
  readonly width: number;
  readonly height: number;
  /** Bytes from one row to the next. */
  readonly pitch: number;
  /** Bytes before the first pixel. */
  readonly offset: number;
}

/** Pixels, row by row from the upper left: red, green, blue, and 255 for opaque. */
export interface Picture {
  /** Pixels of a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Four bytes a pixel, without gaps. */
  readonly pixels: Uint8Array;
}

const DEPTH = 32;
const PIXEL = 4;
/** Far above any screen: a bound on what a guest can make the host compute. */
const MOST_PIXELS = 16_384;
const OPAQUE = 0xff00_0000;

/** Why a situation is no picture, as a constant phrase; or the picture. `undefined` when the output is switched off. */
export function surfaceOf(situation: VideoSituation, memory: VideoMemory): Surface | undefined | string {
  const { outputs, active, depth, width, height, pitch, offset } = situation;
  if (outputs === 0 || active === 0) return undefined;
  if (outputs !== 1) return 'situation of more than one output';
  if (depth !== DEPTH) return 'situation with pixels of other than 32 bits';
  if (width === 0 || height === 0 || width > MOST_PIXELS || height > MOST_PIXELS) return 'situation without a size';
  if (pitch < width * PIXEL || pitch % PIXEL !== 0) return 'situation whose rows overlap';
  const bytes = (height - 1) * pitch + width * PIXEL;
  if (!memory.covers(offset, bytes)) return 'situation beyond its memory';
  return { width, height, pitch, offset };
}

/** Copies a part of the picture, which lies on the surface. Memory that has gone away meanwhile is black. */
export function readPicture(memory: VideoMemory, surface: Surface, part: Rectangle): Picture {
  const width = part.right - part.left;
  const height = part.bottom - part.top;
  const pixels = new Uint8Array(width * height * PIXEL);
  for (let y = 0; y < height; y++) {
    const row = pixels.subarray(y * width * PIXEL, (y + 1) * width * PIXEL);
    memory.read(surface.offset + (part.top + y) * surface.pitch + part.left * PIXEL, row);
  }
  const words = new Uint32Array(pixels.buffer);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    words[i] = OPAQUE | ((word & 0xff) << 16) | (word & 0xff00) | ((word >>> 16) & 0xff);
  }
  return { width, height, pixels };
}
