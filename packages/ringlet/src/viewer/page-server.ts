/**
 * The page with a machine's screen: noVNC in a browser of this host, and the web socket that it speaks through.
 *
 * Whoever has the address, token included, sits in front of the machine. Nobody else does: the server listens on the
 * loopback interface, wants the token before anything that belongs to the machine, and is asked by its own name only, so
 * that no other page of the same browser gets near it.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, extname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type WebSocket, WebSocketServer } from 'ws';
import { LOOPBACK } from '../host/local-listener.ts';
import { serveViewer } from './rfb/serve-viewer.ts';
import type { ViewedMachine, ViewerTransport } from './viewed-machine.ts';
import { listening, MOST_UNREAD, MOST_VIEWERS } from './vnc-server.ts';

/** The page's own files are beside the sources, which are part of the package. */
const PAGE = fileURLToPath(new URL('../../src/viewer/page/', import.meta.url));
const NOVNC = dirname(dirname(createRequire(import.meta.url).resolve('@novnc/novnc')));
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
};
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src data: blob:",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};
/** Bytes of one message of a viewer. */
const LONGEST_MESSAGE = 1024 * 1024;
/** The viewer's protocol is one of bytes. */
const SUBPROTOCOL = 'binary';

/** A page that is served. */
export interface PageServer {
  /** Its address, with the token that opens it. */
  readonly url: string;
  close(): Promise<void>;
}

/** Serves the page. @param port - 0 for any. @throws UserError `view-address-refused` */
export async function servePage(port: number, machine: ViewedMachine): Promise<PageServer> {
  const token = randomBytes(16).toString('base64url');
  const server = createServer((request, response) => void answer(request, response, allowed));
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: LONGEST_MESSAGE,
    handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
  });
  let names: string[] = [];
  const allowed = (request: IncomingMessage): boolean => {
    const url = urlOf(request);
    return names.includes(request.headers.host ?? '') && same(url?.searchParams.get('token') ?? '', token);
  };
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    if (!allowed(request) || urlOf(request)?.pathname !== '/screen' || sockets.clients.size >= MOST_VIEWERS) {
      socket.end('HTTP/1.1 403 Forbidden\r\nconnection: close\r\n\r\n');
      return;
    }
    sockets.handleUpgrade(request, socket, head, (connection) => {
      void serveViewer(transportOf(connection), machine, undefined);
    });
  });
  await listening(server, { port });
  const bound = (server.address() as { port: number }).port;
  names = [`${LOOPBACK}:${bound}`, `localhost:${bound}`];
  return {
    url: `http://${LOOPBACK}:${bound}/?token=${token}`,
    close: () => {
      const closed = new Promise<void>((done) => server.close(() => done()));
      for (const connection of sockets.clients) connection.terminate();
      server.closeAllConnections();
      return closed;
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  allowed: (request: IncomingMessage) => boolean,
): Promise<void> {
  const path = urlOf(request)?.pathname;
  const file = path === undefined ? undefined : fileOf(path);
  if (file === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) return refuse(response, 404);
  if (path === '/' && !allowed(request)) return refuse(response, 403);
  try {
    const bytes = await readFile(file);
    response.writeHead(200, {
      ...HEADERS,
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'cache-control': path === '/' ? 'no-store' : 'no-cache',
    });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  } catch {
    refuse(response, 404);
  }
}

/** The file behind a path: the page's own two, and noVNC's modules. */
function fileOf(path: string): string | undefined {
  if (path === '/') return join(PAGE, 'index.html');
  if (path === '/viewer.js') return join(PAGE, 'viewer.js');
  if (!path.startsWith('/novnc/') || extname(path) !== '.js') return undefined;
  const file = normalize(join(NOVNC, path.slice('/novnc/'.length)));
  return file.startsWith(NOVNC + sep) ? file : undefined;
}

function refuse(response: ServerResponse, status: 403 | 404): void {
  response.writeHead(status, { ...HEADERS, 'content-type': 'text/plain; charset=utf-8' });
  response.end(status === 403 ? 'Open the whole address that ringlet view printed.\n' : 'There is nothing here.\n');
}

function urlOf(request: IncomingMessage): URL | undefined {
  return URL.canParse(request.url ?? '', 'http://host') ? new URL(request.url!, 'http://host') : undefined;
}

function same(given: string, wanted: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(wanted)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function transportOf(connection: WebSocket): ViewerTransport {
  connection.on('error', () => connection.terminate());
  return {
    write(bytes) {
      if (connection.readyState !== connection.OPEN) return;
      connection.send(bytes);
      if (connection.bufferedAmount > MOST_UNREAD) connection.terminate();
    },
    onBytes: (take) => void connection.on('message', (data) => take(data as Buffer)),
    onEnd: (ended) => void connection.once('close', ended),
    close: () => connection.close(),
  };
}
