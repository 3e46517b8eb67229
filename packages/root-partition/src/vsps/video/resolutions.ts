/** The resolutions of a machine's screen: the usual ones that fit its memory, the wanted one first. */
import { MOST_RESOLUTIONS, type Resolution } from '@ringlet/protocols';

const MIB = 1024 * 1024;
const PIXEL = 4;
const LEAST_MIB = 8;
/** What the VMBus's window below 4 GiB has room for, beside other devices. */
const MOST_MIB = 64;

/** Hyper-V's own list, less what nobody's screen has any more. */
// prettier-ignore
const USUAL: readonly (readonly [number, number])[] = [
  [640, 480], [800, 600], [1024, 768], [1152, 864], [1280, 720], [1280, 768], [1280, 800], [1280, 960], [1280, 1024],
  [1360, 768], [1366, 768], [1400, 1050], [1440, 900], [1600, 900], [1600, 1050], [1600, 1200], [1680, 1050],
  [1920, 1080], [1920, 1200], [2048, 1536], [2560, 1440], [2560, 1600], [3840, 2160],
];

/** What Hyper-V's machines start with. */
export const DEFAULT_RESOLUTION: Resolution = { width: 1024, height: 768 };
/** Smallest that Linux's driver takes, and largest whose memory has room. */
export const SMALLEST: Resolution = { width: 640, height: 480 };
/** The largest screen that there is. */
export const LARGEST: Resolution = { width: 3840, height: 2160 };

/** Bytes of picture memory, in whole MiB, for a screen that starts with this resolution; a power of two, at least 8 MiB. */
export function videoMemoryBytes({ width, height }: Resolution): number {
  let mib = LEAST_MIB;
  while (mib < MOST_MIB && mib * MIB < width * height * PIXEL) mib *= 2;
  return mib * MIB;
}

/** The resolutions to offer: the preferred one first, then those that fit so much memory. */
export function resolutionsFor(preferred: Resolution, bytes: number): Resolution[] {
  const others = USUAL.map(([width, height]) => ({ width, height })).filter(
    ({ width, height }) =>
      width * height * PIXEL <= bytes && !(width === preferred.width && height === preferred.height),
  );
  return [preferred, ...others].slice(0, MOST_RESOLUTIONS);
}
