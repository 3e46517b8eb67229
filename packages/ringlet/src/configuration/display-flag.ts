/** A screen as people write it: `1280x1024`, or `none`. */
import { LARGEST, SMALLEST } from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import type { DisplayOption } from './options.ts';

const FORM = /^(\d{1,5})x(\d{1,5})$/i;

/** What a screen may be, for people. */
export const DISPLAY_FORM = `a size from ${SMALLEST.width}x${SMALLEST.height} to ${LARGEST.width}x${LARGEST.height}, or none`;

/** The screen that a text means; `undefined` when it means none that a machine can have. */
export function displayOf(text: string): DisplayOption | 'none' | undefined {
  if (text === 'none') return 'none';
  const match = FORM.exec(text);
  const [width, height] = [Number(match?.[1]), Number(match?.[2])];
  const fits =
    width >= SMALLEST.width && width <= LARGEST.width && height >= SMALLEST.height && height <= LARGEST.height;
  return fits ? { width, height } : undefined;
}

/** The same. @throws UserError `display-invalid`, naming `what` was being set */
export function parseDisplay(text: string, what: string): DisplayOption | 'none' {
  const display = displayOf(text);
  if (display !== undefined) return display;
  throw new UserError('display-invalid', `${what}: a machine cannot have the screen "${text}"`, {
    hint: `give ${DISPLAY_FORM}: ${what} 1280x1024`,
  });
}
