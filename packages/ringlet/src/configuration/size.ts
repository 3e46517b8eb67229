/** Sizes as people write them: `512`, `64K`, `256M`, `2GiB`. The units are binary, as memory and disks are. */
import { UserError } from '@ringlet/wire';

const FORM = /^(\d+(?:\.\d+)?)\s*(?:([kmgt])(?:i?b)?|b)?$/i;
const UNITS = ['k', 'm', 'g', 't'];
const NAMES = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Bytes of `text`, or `undefined` when it is not a size, or not a whole number of bytes. */
export function sizeInBytes(text: string): number | undefined {
  const match = FORM.exec(text.trim());
  if (match === null) return undefined;
  const power = match[2] === undefined ? 0 : UNITS.indexOf(match[2].toLowerCase()) + 1;
  const bytes = Number(match[1]) * 1024 ** power;
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Bytes of `text`. @throws UserError `size-invalid`, naming `what` was being set. */
export function parseSize(text: string, what: string): number {
  const bytes = sizeInBytes(text);
  if (bytes === undefined) {
    throw new UserError('size-invalid', `${what}: "${text}" is not a size`, {
      hint: 'write bytes, or a number with K, M, G or T: 512K, 256M, 2G',
    });
  }
  return bytes;
}

/** `bytes` for people: the largest unit that keeps it readable, at most one decimal. */
export function formatSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < NAMES.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toFixed(1))} ${NAMES[unit]!}`;
}
