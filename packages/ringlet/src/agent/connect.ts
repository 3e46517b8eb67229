/** Connecting to a socket of a guest, through the Unix socket of its machine. */
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@ringlet/wire';

/** Longest answer to a greeting that is looked at. */
const LONGEST_ANSWER = 128;
const RETRY_MS = 250;

/** A service of the guest: a port of AF_VSOCK, or a GUID. */
export type GuestService = number | string;

/**
 * Connects to a socket that the guest listens at.
 *
 * @param directory - the machine's directory of sockets
 * @returns the connection; its bytes are the guest's
 * @throws UserError `guest-not-listening`, or `machine-not-found` when the machine's own socket is not there
 */
function connectToGuest(directory: string, service: GuestService): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path: join(directory, 'vsock'), allowHalfOpen: true });
    let answer = Buffer.alloc(0);
    const stop = (): void => void socket.off('data', read).off('error', failed).off('end', ended);
    const failed = (cause: Error): void => {
      stop();
      reject(
        new UserError('machine-not-found', `no machine answers in ${directory}: ${cause.message}`, {
          hint: 'ringlet ls shows the machines that run',
          cause,
        }),
      );
    };
    const refused = (why: string): void => {
      stop();
      socket.destroy();
      reject(
        new UserError('guest-not-listening', why, { hint: 'it may still be booting: ringlet ls shows its heartbeat' }),
      );
    };
    const ended = (): void => refused('the machine ended the connection');
    const read = (bytes: Buffer): void => {
      answer = Buffer.concat([answer, bytes]);
      const end = answer.indexOf('\n');
      if (end < 0 && answer.length <= LONGEST_ANSWER) return;
      const line = answer.toString('utf8', 0, Math.max(0, end));
      if (!line.startsWith('OK')) return refused(line.replace(/^REFUSED /, '') || 'the machine refused');
      stop();
      socket.pause();
      if (end + 1 < answer.length) socket.unshift(answer.subarray(end + 1));
      // Whoever reads it learns of errors by reading; nobody may be doing so yet.
      socket.on('error', () => undefined);
      resolve(socket);
    };
    socket.on('data', read).on('error', failed).on('end', ended);
    socket.write(`CONNECT ${service}\n`);
  });
}

/**
 * The same, with patience for a guest that is still booting.
 *
 * @param patienceMs - how long to try; once when 0
 */
export async function connectPatiently(
  directory: string,
  service: GuestService,
  patienceMs: number,
  signal?: AbortSignal,
): Promise<Socket> {
  for (const until = performance.now() + patienceMs; ;) {
    try {
      return await connectToGuest(directory, service);
    } catch (error) {
      const again = error instanceof UserError && error.code === 'guest-not-listening';
      if (!again || performance.now() >= until) throw error;
    }
    await delay(RETRY_MS, undefined, signal === undefined ? {} : { signal });
  }
}
