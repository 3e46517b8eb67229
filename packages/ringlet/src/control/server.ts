/**
 * The control server: a Unix socket at which one running machine answers JSON-RPC.
 *
 * Whoever can open the socket is the machine's user, but may still be wrong: sizes, rates and counts are bounded, and
 * every mistake gets the answer that JSON-RPC has for it.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError } from '@ringlet/wire';
import { ConsoleHistory } from './console-history.ts';
import type { Controllable } from './controllable.ts';
import { socketPath } from './directory.ts';
import type { MachineFacts } from './facts.ts';
import { callLine, errorLine, LONGEST_REQUEST, Request, type RequestId, resultLine, RpcError } from './json-rpc.ts';
import { GuestNotes } from './guest-notes.ts';
import { LineReader } from './line-reader.ts';
import type { MethodContext, MethodGroup } from './method.ts';
import { debuggerMethods } from './methods/debugger.ts';
import { diskMethods } from './methods/disks.ts';
import { displayMethods } from './methods/display.ts';
import { guestMethods } from './methods/guest.ts';
import { memoryMethods } from './methods/memory.ts';
import { inspectionMethods } from './methods/inspection.ts';
import { machineMethods } from './methods/machine.ts';
import { tracingMethods } from './methods/tracing.ts';
import { streamMethods } from './methods/streams.ts';
import { viewerMethods } from './methods/viewers.ts';
import { probe, withLock } from './stale.ts';

/** Callers at once. */
const MOST_CONNECTIONS = 32;
/** Requests of one caller that are being worked on. */
const MOST_PENDING = 32;
/** Bytes waiting for a caller that does not read; beyond this it is cut off, and the machine is not slowed down. */
const MOST_UNREAD = 8 * 1024 * 1024;
/** How long a closing server waits for answers that are being worked on. */
const LINGER_MS = 500;

/** Every method. A later group is one more line. */
const METHODS: MethodGroup = {
  ...machineMethods,
  ...inspectionMethods,
  ...streamMethods,
  ...diskMethods,
  ...guestMethods,
  ...memoryMethods,
  ...displayMethods,
  ...viewerMethods,
  ...debuggerMethods,
  ...tracingMethods,
};

/** A socket that answers for a machine until {@link ControlServer.close}. */
export interface ControlServer {
  readonly path: string;
  /** Ends every connection and removes the socket. */
  close(): Promise<void>;
}

/**
 * Starts answering for `machine` in `directory` (see `controlDirectory`).
 *
 * @throws UserError `name-taken` when a running machine has this name already
 */
export async function serveControl(
  machine: Controllable,
  facts: MachineFacts,
  directory: string,
): Promise<ControlServer> {
  const path = socketPath(directory, machine.name);
  const since = performance.now();
  const history = new ConsoleHistory();
  const notes = new GuestNotes(machine.events$);
  const recording = machine.console$.subscribe((text) => history.add(text));
  const sockets = new Set<Socket>();
  const answers = new Set<Promise<void>>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    converse(socket, { machine, facts, history, notes, since }, answers);
  });
  server.maxConnections = MOST_CONNECTIONS;
  try {
    await claim(server, path, machine.name);
  } catch (error) {
    recording.unsubscribe();
    notes.dispose();
    throw error;
  }
  return {
    path,
    close: async () => {
      recording.unsubscribe();
      notes.dispose();
      const closed = new Promise<void>((done) => server.close(() => done()));
      // Whoever asked for the end is still owed the answer that it has come: let answers out, then end, not destroy.
      await Promise.race([Promise.allSettled(answers), delay(LINGER_MS, undefined, { ref: false })]);
      for (const socket of sockets) socket.end();
      await Promise.race([closed, delay(LINGER_MS, undefined, { ref: false })]);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/** Binds the socket. One left behind by a machine that died is taken over; one that answers is not. */
function claim(server: Server, path: string, name: string): Promise<void> {
  return withLock(dirname(path), async () => {
    if ((await probe(path)) === 'refused') rmSync(path, { force: true });
    if (!(await listen(server, path))) {
      throw new UserError('name-taken', `a machine called "${name}" is running already`, {
        hint: `choose another with --name, or end that one: ringlet stop ${name}`,
      });
    }
    chmodSync(path, 0o600);
  });
}

function listen(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException): void => {
      if (error.code === 'EADDRINUSE') resolve(false);
      else reject(new UserError('control-socket-refused', `cannot open ${path}: ${error.message}`, { cause: error }));
    };
    server.once('error', refused);
    server.listen(path, () => {
      server.off('error', refused);
      resolve(true);
    });
  });
}

/** Serves one caller. Answers that are being worked on are in `answers`. */
function converse(
  socket: Socket,
  shared: Omit<MethodContext, 'notify' | 'onDisconnect'>,
  answers: Set<Promise<void>>,
): void {
  const reader = new LineReader(LONGEST_REQUEST);
  let pending = 0;
  const write = (text: string): void => {
    if (socket.destroyed || socket.writableEnded) return;
    socket.write(text);
    if (socket.writableLength > MOST_UNREAD) socket.destroy();
  };
  const context: MethodContext = {
    ...shared,
    notify: (name, params) => write(callLine(name, params)),
    onDisconnect: (end) => void (socket.destroyed ? end() : socket.once('close', end)),
  };
  socket.setMaxListeners(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    const lines = reader.push(chunk);
    if (lines === undefined) {
      write(errorLine(null, RpcError.InvalidRequest, `a request is at most ${LONGEST_REQUEST} bytes`));
      socket.end();
      socket.removeAllListeners('data').resume();
      return;
    }
    for (const line of lines) {
      if (line.trim() === '') continue;
      if (pending >= MOST_PENDING) {
        write(errorLine(null, RpcError.InvalidRequest, `at most ${MOST_PENDING} requests at once`));
        continue;
      }
      pending++;
      const answered = answer(line, context).then((text) => {
        pending--;
        answers.delete(answered);
        if (text !== undefined) write(text);
      });
      answers.add(answered);
    }
  });
}

/** The answer to one line, `undefined` for a notification. Never rejects. */
async function answer(line: string, context: MethodContext): Promise<string | undefined> {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    return errorLine(null, RpcError.ParseError, 'the line is not JSON');
  }
  const request = Request.safeParse(message);
  if (!request.success) return errorLine(idOf(message), RpcError.InvalidRequest, 'not a JSON-RPC 2.0 request');
  const { id, method: name, params } = request.data;
  const reply = (text: (id: RequestId) => string): string | undefined => (id === undefined ? undefined : text(id));

  const method = Object.hasOwn(METHODS, name) ? METHODS[name] : undefined;
  if (method === undefined) {
    const known = Object.keys(METHODS).join(', ');
    return reply((to) => errorLine(to, RpcError.MethodNotFound, `no such method; there are ${known}`));
  }
  const checked = method.params.safeParse(params ?? {});
  if (!checked.success) {
    const what = checked.error.issues.map((issue) => `${issue.path.join('.') || 'params'}: ${issue.message}`);
    return reply((to) => errorLine(to, RpcError.InvalidParams, what.join('; ')));
  }
  try {
    const result = await method.run(checked.data, context);
    return reply((to) => resultLine(to, result));
  } catch (error) {
    return reply((to) => refusalLine(to, error));
  }
}

function refusalLine(id: RequestId, error: unknown): string {
  if (error instanceof UserError) {
    const data = error.hint === undefined ? { code: error.code } : { code: error.code, hint: error.hint };
    return errorLine(id, RpcError.User, error.message, data);
  }
  return errorLine(id, RpcError.Internal, error instanceof Error ? error.message : String(error));
}

/** The id of something that is not a request, where it can be told: the caller may be waiting for it. */
function idOf(message: unknown): RequestId {
  if (typeof message !== 'object' || message === null || !('id' in message)) return null;
  return typeof message.id === 'number' || typeof message.id === 'string' ? message.id : null;
}
