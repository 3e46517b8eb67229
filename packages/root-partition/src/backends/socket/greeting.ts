/**
 * Greeting: the line by which a program of the host says which of the guest's sockets it wants, and the answer.
 *
 *     program ──▶ CONNECT 1000\n         a port, or the GUID of a service
 *     program ◀── OK 1000\n              the guest has accepted; from here on the bytes are the guest's
 *     program ◀── REFUSED why\n          it has not, and the connection ends
 *
 * The first two are those of Firecracker's hybrid vsock, so that its clients work here.
 */
import type { Socket } from 'node:net';
import { parseService } from '@ringlet/protocols';

/** The longest line that is looked at. */
const LONGEST = 64;
/** How long a program may take to say what it wants. */
const PATIENCE_MS = 10_000;

/**
 * Reads the line; bytes behind it stay in the socket, which is paused.
 *
 * @param asked - given the GUID of the service; not called when the program is gone, silent, or says anything else
 */
export function readGreeting(socket: Socket, asked: (serviceId: string) => void): void {
  let line = Buffer.alloc(0);
  const late = setTimeout(() => refuse(socket, 'nothing was asked for'), PATIENCE_MS);
  const stop = (): void => {
    clearTimeout(late);
    socket.off('data', read);
    socket.off('end', gone);
    socket.off('close', gone);
  };
  const gone = (): void => {
    stop();
    socket.destroy();
  };
  const read = (bytes: Buffer): void => {
    line = Buffer.concat([line, bytes.subarray(0, LONGEST)]);
    const end = line.indexOf('\n');
    if (end < 0 && line.length < LONGEST) return;
    stop();
    socket.pause();
    const words = line.toString('latin1', 0, Math.max(0, end)).trim().split(/\s+/);
    const service = words.length === 2 && words[0]!.toUpperCase() === 'CONNECT' ? parseService(words[1]!) : undefined;
    if (service === undefined) return refuse(socket, 'say CONNECT and a port');
    const consumed = end + 1 - (line.length - Math.min(bytes.length, LONGEST));
    if (consumed < bytes.length) socket.unshift(bytes.subarray(consumed));
    asked(service);
  };
  socket.on('error', () => socket.destroy());
  socket.on('end', gone);
  socket.on('close', gone);
  socket.on('data', read);
}

/** Says that the guest has accepted. */
export function accept(socket: Socket, service: string): void {
  if (!socket.destroyed) socket.write(`OK ${service}\n`);
}

/** Says why not, and ends the connection. */
export function refuse(socket: Socket, why: string): void {
  if (socket.destroyed) return;
  socket.removeAllListeners('data').resume();
  socket.end(`REFUSED ${why}\n`, () => socket.destroy());
}
