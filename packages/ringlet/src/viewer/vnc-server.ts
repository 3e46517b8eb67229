/** A server for VNC viewers, at a port of this host's or at a Unix socket. */
import { randomInt } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { UserError } from '@ringlet/wire';
import { describeAddress, listenLocally, type LocalAddress } from '../host/local-listener.ts';
import { PASSWORD_LENGTH } from './rfb/handshake.ts';
import { serveViewer } from './rfb/serve-viewer.ts';
import type { ViewedMachine, ViewerTransport } from './viewed-machine.ts';

/** Viewers at once, of each kind of server. */
export const MOST_VIEWERS = 16;
/** Bytes waiting for a viewer that does not read. It asks for one picture at a time, so this is none that draws. */
export const MOST_UNREAD = 256 * 1024 * 1024;
/** Characters of passwords: none that looks like another. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789';

/** Where viewers connect. */
export interface VncAddress {
  /** `127.0.0.1:5901`, or the path of a socket. */
  readonly address: string;
  /** Asked for at a port, which every user of this host reaches; not at a socket, which only its owner opens. */
  readonly password?: string;
}

/** A server that listens. */
export interface VncServer extends VncAddress {
  /** Ends every viewer's connection. */
  close(): Promise<void>;
}

/**
 * Listens at `where`: a number is a port of the loopback interface, anything else the path of a Unix socket.
 *
 * @throws UserError `view-address-refused`
 */
export async function listenForVnc(where: string, machine: ViewedMachine): Promise<VncServer> {
  const port = /^\d{1,5}$/.test(where) ? Number(where) : undefined;
  const password = port === undefined ? undefined : newPassword();
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.setNoDelay(true));
    socket.on('close', () => sockets.delete(socket));
    void serveViewer(transportOf(socket), machine, password);
  });
  server.maxConnections = MOST_VIEWERS;
  const path = port === undefined ? resolve(where) : undefined;
  const address = await listening(server, path === undefined ? { port: port ?? 0 } : { path });
  return {
    address,
    ...(password !== undefined && { password }),
    close: () => {
      const closed = new Promise<void>((done) => server.close(() => done()));
      for (const socket of sockets) socket.destroy();
      if (path !== undefined) rmSync(path, { force: true });
      return closed;
    },
  };
}

/** Waits until a server listens. @returns where. @throws UserError `view-address-refused` */
export async function listening(server: Parameters<typeof listenLocally>[0], at: LocalAddress): Promise<string> {
  try {
    return await listenLocally(server, at);
  } catch (cause) {
    const message = `cannot listen at ${describeAddress(at)}: ${(cause as Error).message}`;
    const hint = 'choose another port, or a path of a socket that is not there yet';
    throw new UserError('view-address-refused', message, { hint, cause });
  }
}

function transportOf(socket: Socket): ViewerTransport {
  socket.on('error', () => socket.destroy());
  return {
    write(bytes) {
      if (socket.destroyed) return;
      socket.write(bytes);
      if (socket.writableLength > MOST_UNREAD) socket.destroy();
    },
    onBytes: (take) => void socket.on('data', take),
    onEnd: (ended) => void socket.once('close', ended).once('end', ended),
    // What was written, a reason for instance, still arrives.
    close: () => socket.destroySoon(),
  };
}

const newPassword = (): string =>
  Array.from({ length: PASSWORD_LENGTH }, () => LETTERS[randomInt(LETTERS.length)]).join('');
