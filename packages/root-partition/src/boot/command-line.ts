/** The kernel command line: what may stand in it, and where it goes. */
import { UserError } from '@ringlet/wire';
import type { BootMemory } from './boot-memory.ts';
import { COMMAND_LINE } from './memory-map.ts';

/**
 * Places a command line with its NUL.
 *
 * @param longest - most bytes the kernel takes, without the NUL
 * @returns its address
 * @throws UserError `command-line` when it is too long or has a NUL in it
 */
export function placeCommandLine(memory: BootMemory, text: string, longest: number): number {
  const bytes = new TextEncoder().encode(text);
  const most = Math.min(longest, COMMAND_LINE.bytes - 1);
  if (bytes.length > most) {
    throw new UserError('command-line', `the command line has ${bytes.length} bytes; this kernel takes ${most}`, {
      hint: 'Shorten it.',
    });
  }
  if (bytes.includes(0))
    throw new UserError('command-line', 'the command line has a NUL in it', { hint: 'Remove it.' });
  memory.place('the command line', COMMAND_LINE.start, bytes, bytes.length + 1);
  return COMMAND_LINE.start;
}
