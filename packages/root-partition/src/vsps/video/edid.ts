/**
 * EDID: how a screen describes itself (VESA Enhanced EDID standard, release A, revision 2: EDID 1.4).
 *
 * It says one thing that matters, the resolution it would like, as a timing with reduced blanking (VESA CVT 1.2). Linux's
 * drivers skip it; Windows takes the resolution from it.
 */
import type { Resolution } from '@ringlet/protocols';

/** Bytes of a block. */
const BYTES = 128;
const TIMING_AT = 54;
const NAME_AT = 72;
const RANGE_AT = 90;
const REST_AT = 108;
/** "RNG", five bits a letter. */
const MANUFACTURER = (18 << 10) | (14 << 5) | 7;
const NAME = 'Ringlet';
const REFRESH = 60;
/** Of reduced blanking: pixels beside each row, lines and microseconds between two pictures. */
const H_BLANK = 160;
const H_FRONT = 48;
const H_SYNC = 32;
const V_FRONT = 3;
const V_BLANK_MICROSECONDS = 460;
const V_BACK_LEAST = 6;
const CLOCK_STEP = 10_000;
/** Highest that fit the fields of a timing. */
const MOST_CLOCK = 0xffff * CLOCK_STEP;

/** Makes the block. A resolution beyond what its fields can say is left out of it. */
export function makeEdid(preferred: Resolution): Uint8Array {
  const block = new Uint8Array(BYTES);
  const view = new DataView(block.buffer);
  block.set([0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]);
  view.setUint16(8, MANUFACTURER, false);
  view.setUint16(10, 1, true); // product
  block[16] = 1; // week and year of manufacture, from 1990 on
  block[17] = 30;
  block.set([1, 4], 18); // EDID 1.4
  block[20] = 0xa0; // digital, eight bits a colour
  block[23] = 120; // gamma 2.2
  block[24] = 0x06; // sRGB; the first timing is the native one
  // The colours of sRGB, as ten-bit fractions.
  block.set([0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54], 25);
  block.fill(0x01, 38, TIMING_AT); // no other standard timings
  block.set(timing(preferred) ?? DUMMY, TIMING_AT);
  block.set([0, 0, 0, 0xfc, 0, ...descriptorText(NAME)], NAME_AT);
  // 48 to 75 pictures and 15 to 160 thousand lines a second, up to 660 MHz.
  block.set([0, 0, 0, 0xfd, 0, 48, 75, 15, 160, 66, 1, 0x0a, 0x20, 0x20, 0x20, 0x20, 0x20, 0x20], RANGE_AT);
  block.set(DUMMY, REST_AT);
  block[BYTES - 1] = -block.reduce((sum, byte) => sum + byte, 0) & 0xff;
  return block;
}

/** A descriptor that says nothing. */
const DUMMY = Uint8Array.from({ length: 18 }, (_, i) => (i === 3 ? 0x10 : 0));

/** Thirteen characters, ended by a line feed and filled with spaces. */
const descriptorText = (text: string): number[] =>
  Array.from({ length: 13 }, (_, i) => (i < text.length ? text.charCodeAt(i) : i === text.length ? 0x0a : 0x20));

/** A detailed timing. */
function timing({ width, height }: Resolution): Uint8Array | undefined {
  const vSync = syncLines(width / height);
  const lineMicroseconds = (1e6 / REFRESH - V_BLANK_MICROSECONDS) / height;
  const vBlank = Math.max(Math.floor(V_BLANK_MICROSECONDS / lineMicroseconds) + 1, V_FRONT + vSync + V_BACK_LEAST);
  const clock = REFRESH * (width + H_BLANK) * (height + vBlank);
  if (width > 0xfff || height > 0xfff || vBlank > 0xfff || clock > MOST_CLOCK) return undefined;
  const bytes = new Uint8Array(18);
  new DataView(bytes.buffer).setUint16(0, Math.round(clock / CLOCK_STEP), true);
  bytes.set([width & 0xff, H_BLANK, (width >> 8) << 4, height & 0xff, vBlank & 0xff], 2);
  bytes.set([((height >> 8) << 4) | (vBlank >> 8), H_FRONT, H_SYNC, (V_FRONT << 4) | vSync, 0], 7);
  bytes[17] = 0x1a; // separate sync, horizontal positive, vertical negative
  return bytes;
}

/** Lines of vertical sync tell a screen's proportions apart. */
function syncLines(proportion: number): number {
  const known: readonly (readonly [number, number])[] = [
    [4 / 3, 4],
    [16 / 9, 5],
    [16 / 10, 6],
    [5 / 4, 7],
    [15 / 9, 7],
  ];
  return known.find(([each]) => Math.abs(each - proportion) < 0.01)?.[1] ?? 10;
}
