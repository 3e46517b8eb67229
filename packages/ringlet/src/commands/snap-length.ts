/** `--snaplen`: how much of each frame is kept, as tcpdump counts it. */
import { UserError } from '@ringlet/wire';

/** Reads it; 0 stands for all, and so does its absence. @throws UserError `snap-length-invalid` */
export function parseSnapLength(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) {
    throw new UserError('snap-length-invalid', `--snaplen: "${text}" is no number of bytes`, {
      hint: 'a whole number, such as 96; 0 for all of each frame',
    });
  }
  const bytes = Number(text);
  return bytes === 0 ? undefined : bytes;
}
