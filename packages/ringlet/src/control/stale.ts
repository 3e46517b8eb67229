/** Sockets whose machine died without removing them: telling them from live ones, and removing them. */
import { linkSync, renameSync, unlinkSync } from 'node:fs';
import { connect } from 'node:net';

/** Whether anybody listens at a socket: `refused` when its owner is gone, `absent` when there is no such file. */
export function probe(path: string): Promise<'alive' | 'refused' | 'absent'> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve('alive');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve('absent');
      // A full backlog, or no right to ask, is not the same as nobody there.
      else resolve(error.code === 'ECONNREFUSED' || error.code === 'ENOTSOCK' ? 'refused' : 'alive');
    });
  });
}

/**
 * Removes a socket that nobody answers. Two processes may try at once, and the second must not remove the socket that
 * the first has bound meanwhile: the file is moved aside under a name of our own, and put back if it turns out alive.
 */
export async function removeStale(path: string): Promise<void> {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch {
    return; // Somebody else removed it.
  }
  const state = await probe(aside);
  try {
    if (state === 'alive') linkSync(aside, path);
  } catch {
    // A third process has bound the name by now, and keeps it.
  } finally {
    unlinkSync(aside);
  }
}
