/** Servers that listen for this host only: at a port of the loopback interface, or at a Unix socket of its owner's. */
import { chmodSync } from 'node:fs';
import type { Server } from 'node:net';

export const LOOPBACK = '127.0.0.1';

/** Where a server listens. Port 0 is one that is free. */
export type LocalAddress = { readonly port: number } | { readonly path: string };

/**
 * Waits until a server listens. Whoever runs it tells users why it cannot, with a code of its own.
 *
 * @returns `127.0.0.1:5901`, or the path
 * @throws the error of the server
 */
export async function listenLocally(
  server: Pick<Server, 'listen' | 'once' | 'off' | 'address'>,
  at: LocalAddress,
): Promise<string> {
  await new Promise<void>((done, refused) => {
    server.once('error', refused);
    server.listen('path' in at ? { path: at.path } : { host: LOOPBACK, port: at.port }, () => {
      server.off('error', refused);
      done();
    });
  });
  if ('path' in at) {
    chmodSync(at.path, 0o600);
    return at.path;
  }
  return `${LOOPBACK}:${(server.address() as { port: number }).port}`;
}

/** The same in words. */
export const describeAddress = (at: LocalAddress): string =>
  'path' in at ? at.path : `port ${at.port} of ${LOOPBACK}`;
