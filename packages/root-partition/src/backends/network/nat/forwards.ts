/**
 * Ports of the host that lead to guests. A connection or datagram reaches the guest under the address that it came from;
 * one from this host itself comes from the gateway, which is how the guest knows this host.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import { cannotListen } from '../failures.ts';
import { formatIp, isLoopback, parseIp } from '../packet/address.ts';
import { acceptedHost, type HostStream } from './tcp/host-stream.ts';
import type { Endpoints } from './tcp/connection-table.ts';
import type { UdpFlows } from './udp-flows.ts';

/** One forwarded port, checked. */
export interface Forward {
  readonly protocol: 'tcp' | 'udp';
  readonly hostIp: string;
  readonly hostPort: number;
  readonly guestIp: number;
  readonly guestPort: number;
}

/** What forwarding needs of its NAT. */
export interface ForwardsWorld {
  readonly udp: UdpFlows;
  /** The address that guests know a sender under. */
  toGuest(ip: number): number;
  /** Takes a connection to a guest. @returns whether it could be taken */
  accept(ends: Endpoints, host: HostStream): boolean;
}

/** Ports to try for a connection whose own number is in use at the guest. */
const FIRST_OTHER_PORT = 49_152;
const MOST_TRIES = 64;

/** Listens for guests. */
export class Forwards {
  readonly #world: ForwardsWorld;
  readonly #open: (Server | UdpSocket)[] = [];
  readonly #forwards: readonly Forward[];
  #accepted = 0;
  #refused = 0;
  #otherPort = FIRST_OTHER_PORT;

  constructor(forwards: readonly Forward[], world: ForwardsWorld) {
    this.#forwards = forwards;
    this.#world = world;
  }

  /** Begins to listen. @throws UserError network-port-taken, network-port-refused */
  async listen(): Promise<void> {
    await Promise.all(
      this.#forwards.map(async (forward) => {
        try {
          await (forward.protocol === 'tcp' ? this.#listenTcp(forward) : this.#listenUdp(forward));
        } catch (error) {
          throw cannotListen(`${forward.protocol} ${forward.hostIp}:${forward.hostPort}`, error);
        }
      }),
    );
  }

  #listenTcp(forward: Forward): Promise<void> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      this.#connected(forward, socket),
    );
    this.#open.push(server);
    server.unref();
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ port: forward.hostPort, host: forward.hostIp }, () => {
        // From now on an error is one connection's: there were too many files, say.
        server.off('error', reject).on('error', () => this.#refused++);
        resolve();
      });
    });
  }

  #listenUdp(forward: Forward): Promise<void> {
    const socket = createSocket({ type: 'udp4' });
    this.#open.push(socket);
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ port: forward.hostPort, address: forward.hostIp }, () => {
        socket.off('error', reject).on('error', () => this.#refused++);
        const local = isLoopback(parseIp(socket.address().address) ?? 0);
        this.#world.udp.forward(socket, { ip: forward.guestIp, port: forward.guestPort }, local);
        resolve();
      });
    });
  }

  #connected({ guestIp, guestPort }: Forward, socket: Socket): void {
    const host = acceptedHost(socket);
    const address = parseIp((socket.remoteAddress ?? '').replace(/^::ffff:/, ''));
    // One from IPv6 has no address that this network can say.
    const remoteIp = this.#world.toGuest(address ?? 0x7f000001);
    let remotePort = socket.remotePort ?? 0;
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      if (this.#world.accept({ guestIp, guestPort, remoteIp, remotePort }, host)) {
        this.#accepted++;
        return;
      }
      remotePort = this.#otherPort++;
      if (this.#otherPort > 65_535) this.#otherPort = FIRST_OTHER_PORT;
    }
    this.#refused++;
    host.destroy(true);
  }

  /** Listens no more. */
  stop(): void {
    for (const open of this.#open.splice(0)) open.close();
  }

  inspect(): Record<string, unknown> {
    return {
      ports: this.#forwards.map(
        ({ protocol, hostIp, hostPort, guestIp, guestPort }) =>
          `${protocol}:${hostIp}:${hostPort} to ${formatIp(guestIp)}:${guestPort}`,
      ),
      accepted: this.#accepted,
      refused: this.#refused,
    };
  }
}
