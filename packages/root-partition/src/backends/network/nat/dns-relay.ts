/**
 * The name server that guests are told of: passes their questions to the host's resolvers as they are, one socket a
 * question, and the next resolver's turn when one does not answer. Questions over TCP are connections like any other.
 */
import { createSocket, type Socket } from 'node:dgram';
import { getServers, Resolver } from 'node:dns';
import { isIP } from 'node:net';
import type { NetworkClock } from '../network-clock.ts';
import { read16, write16 } from '../packet/bytes.ts';
import type { Counters } from './counters.ts';
import type { Outlet } from './outlet.ts';
import { type Datagram, MOST_UDP_DATA, sendDatagram, UDP_DATA } from './udp.ts';

/** Where name servers are asked. */
export const DNS_PORT = 53;
const MOST_QUESTIONS = 256;
const DNS_HEADER = 12;
const ANSWER_MS = 3000;
/** The host may have moved to another network: its resolvers are looked up again. */
const RESOLVERS_MS = 30_000;
/** Response, recursion available, "server failure". */
const SERVER_FAILURE = 0x8082;
const RECURSION_DESIRED = 0x0100;

/** A resolver of the host. */
export interface HostResolver {
  readonly address: string;
  readonly port: number;
}

interface Question {
  readonly guest: { readonly ip: number; readonly port: number };
  /** The address that was asked: the answer comes from there. */
  readonly server: number;
  readonly bytes: Buffer;
  socket: Socket | undefined;
  cancel: () => void;
}

/** Relays questions of guests. */
export class DnsRelay {
  readonly #outlet: Outlet;
  readonly #counters: Counters;
  readonly #clock: NetworkClock;
  /** Given by the user, instead of the host's. */
  readonly #chosen: readonly HostResolver[] | undefined;
  readonly #questions = new Map<string, Question>();
  #resolvers: readonly HostResolver[] = [];
  #lookedUp = -Infinity;
  /** Of {@link resolvers}: the one that answered last. */
  #preferred = 0;
  #answered = 0;
  #failed = 0;

  constructor(outlet: Outlet, counters: Counters, clock: NetworkClock, chosen?: readonly HostResolver[]) {
    this.#outlet = outlet;
    this.#counters = counters;
    this.#clock = clock;
    this.#chosen = chosen;
  }

  /** Whom to ask, as things are now. */
  get resolvers(): readonly HostResolver[] {
    if (this.#chosen) return this.#chosen;
    const now = this.#clock.now();
    if (now - this.#lookedUp > RESOLVERS_MS) {
      this.#lookedUp = now;
      this.#resolvers = hostResolvers();
      this.#preferred = 0;
    }
    return this.#resolvers;
  }

  /** The resolver to connect to over TCP. */
  get first(): HostResolver | undefined {
    return this.resolvers[this.#preferred];
  }

  /** Takes a datagram for {@link DNS_PORT}. */
  receive({ bytes, source: ip, destination: server, sourcePort: port, data, end }: Datagram): void {
    if (end - data < DNS_HEADER) return this.#counters.drop('udp-header');
    const key = `${ip}:${port}:${read16(bytes, data)}`;
    // Asked again while the first is under way.
    if (this.#questions.has(key)) return;
    if (this.#questions.size >= MOST_QUESTIONS) return this.#counters.drop('too-many-queries');
    const question: Question = {
      guest: { ip, port },
      server,
      bytes: Buffer.from(bytes.subarray(data, end)),
      socket: undefined,
      cancel: () => {},
    };
    this.#questions.set(key, question);
    this.#ask(key, question, 0);
  }

  #ask(key: string, question: Question, attempt: number): void {
    const { resolvers } = this;
    this.#leave(question);
    if (attempt >= Math.max(2, resolvers.length) || resolvers.length === 0) return this.#fail(key, question);
    const index = (this.#preferred + attempt) % resolvers.length;
    const resolver = resolvers[index]!;
    const next = () => this.#ask(key, question, attempt + 1);
    const socket = createSocket(isIP(resolver.address) === 6 ? 'udp6' : 'udp4');
    question.socket = socket;
    question.cancel = this.#clock.after(ANSWER_MS, next);
    socket.on('error', () => {
      if (question.socket === socket) next();
    });
    socket.on('message', (answer) => {
      if (question.socket !== socket || answer.length < DNS_HEADER || answer.length > MOST_UDP_DATA) return;
      if (read16(answer, 0) !== read16(question.bytes, 0)) return;
      this.#preferred = index;
      this.#answered++;
      this.#questions.delete(key);
      this.#leave(question);
      this.#answer(question, answer);
    });
    // Connected: the host takes answers from this resolver only, and says at once when nobody listens there.
    socket.connect(resolver.port, resolver.address, () => {
      if (question.socket === socket) socket.send(question.bytes);
    });
    socket.unref();
  }

  #leave(question: Question): void {
    question.cancel();
    question.socket?.close();
    question.socket = undefined;
  }

  #fail(key: string, question: Question): void {
    this.#failed++;
    this.#questions.delete(key);
    const answer = question.bytes.subarray(0);
    write16(answer, 2, SERVER_FAILURE | 0x8000 | (read16(answer, 2) & (0x7800 | RECURSION_DESIRED)));
    this.#answer(question, answer);
  }

  #answer({ guest, server }: Question, bytes: Uint8Array): void {
    this.#outlet.frame.set(bytes, UDP_DATA);
    sendDatagram(this.#outlet, { ip: server, port: DNS_PORT }, guest, bytes.length);
  }

  /** Forgets what is under way. */
  stop(): void {
    for (const question of this.#questions.values()) this.#leave(question);
    this.#questions.clear();
  }

  inspect(): Record<string, unknown> {
    const resolvers = this.resolvers.map(({ address, port }) => (port === DNS_PORT ? address : `${address} ${port}`));
    return { resolvers, underWay: this.#questions.size, answered: this.#answered, failed: this.#failed };
  }
}

/** The host's resolvers, as its configuration says now. */
function hostResolvers(): HostResolver[] {
  // A new resolver reads the configuration anew; the module's own does once.
  const servers = new Resolver().getServers();
  return (servers.length > 0 ? servers : getServers()).flatMap((text) => parseResolver(text) ?? []);
}

/** `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`. */
export function parseResolver(text: string): HostResolver | undefined {
  const parts = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text);
  const address = parts ? (parts[1] ?? parts[2]!) : text;
  const port = Number(parts?.[3] ?? DNS_PORT);
  return isIP(address) && port > 0 && port < 65_536 ? { address, port } : undefined;
}
