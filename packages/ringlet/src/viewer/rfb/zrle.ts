/**
 * ZRLE (RFC 6143, section 7.7.6): tiles of 64x64 pixels, each in the shortest of three forms, all through one zlib stream.
 *
 *     tile  0 · every pixel                      many colours: a photograph
 *           1 · one pixel                        one colour: background
 *        2-16 · so many colours, then for every pixel its number among them in 1, 2 or 4 bits: text
 *
 * The run-length forms are not used: the zlib stream behind makes runs as short.
 */
import type { PixelWriter } from './pixel-format.ts';

const TILE = 64;
const MOST_COLOURS = 16;

/** The tiles of `pixels`, a rectangle of `width` pixels a row, before the zlib stream. */
export function zrleTiles(pixels: Uint32Array, width: number, writer: PixelWriter): Uint8Array {
  const height = pixels.length / width;
  const tiles = Math.ceil(width / TILE) * Math.ceil(height / TILE);
  const target = new Uint8Array(pixels.length * writer.compressedBytes + tiles * (1 + MOST_COLOURS * 4));
  const tile = new Uint32Array(TILE * TILE);
  let at = 0;
  for (let top = 0; top < height; top += TILE) {
    const rows = Math.min(TILE, height - top);
    for (let left = 0; left < width; left += TILE) {
      const columns = Math.min(TILE, width - left);
      for (let y = 0; y < rows; y++) {
        const from = (top + y) * width + left;
        tile.set(pixels.subarray(from, from + columns), y * columns);
      }
      at = putTile(tile.subarray(0, rows * columns), columns, writer, target, at);
    }
  }
  return target.subarray(0, at);
}

function putTile(tile: Uint32Array, columns: number, writer: PixelWriter, target: Uint8Array, at: number): number {
  const colours = coloursOf(tile);
  target[at++] = colours?.length ?? 0;
  if (colours === undefined) {
    for (let i = 0; i < tile.length; i++) at = writer.putCompressed(tile[i]!, target, at);
    return at;
  }
  for (const colour of colours) at = writer.putCompressed(colour, target, at);
  if (colours.length === 1) return at;
  const bits = colours.length === 2 ? 1 : colours.length <= 4 ? 2 : 4;
  for (let row = 0; row < tile.length; row += columns) {
    // Rows begin with a byte of their own, the first pixel in its upper bits.
    let byte = 0;
    let filled = 0;
    for (let x = 0; x < columns; x++) {
      byte = (byte << bits) | colours.indexOf(tile[row + x]!);
      filled += bits;
      if (filled === 8) {
        target[at++] = byte;
        byte = filled = 0;
      }
    }
    if (filled > 0) target[at++] = byte << (8 - filled);
  }
  return at;
}

/** The colours of a tile; `undefined` when they are too many for a palette. */
function coloursOf(tile: Uint32Array): number[] | undefined {
  const colours: number[] = [];
  let last = -1;
  for (let i = 0; i < tile.length; i++) {
    const pixel = tile[i]!;
    if (pixel === last) continue;
    last = pixel;
    if (colours.includes(pixel)) continue;
    if (colours.length === MOST_COLOURS) return undefined;
    colours.push(pixel);
  }
  return colours;
}
