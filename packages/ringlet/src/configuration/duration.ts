/** Durations as people write them: `1500ms`, `60s`, `5m`, `1h`. A bare number is seconds. */
import { UserError } from '@ringlet/wire';

const FORM = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/i;
const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** The longest delay a timer can hold, 2^31 - 1 ms: about 24 days. */
const LONGEST_MS = 2 ** 31 - 1;

/** Milliseconds of `text`, more than 0. @throws UserError `duration-invalid`, naming `what` was being set. */
export function parseDuration(text: string, what: string): number {
  const match = FORM.exec(text.trim());
  const value = match === null ? NaN : Number(match[1]) * MILLISECONDS[(match[2] ?? 's').toLowerCase()]!;
  if (!(value > 0 && value <= LONGEST_MS)) {
    throw new UserError('duration-invalid', `${what}: "${text}" is not a duration`, {
      hint: 'write a number with ms, s, m or h, more than 0 and at most 24 days: 500ms, 60s, 5m',
    });
  }
  return value;
}

/** `ms` for people: `0.4 s`, `2:05`, `1:02:03`. */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const two = (value: number): string => String(Math.floor(value)).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = (seconds % 3600) / 60;
  const rest = two(seconds % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${Math.floor(minutes)}:${rest}`;
}
