/** Every connection of a NAT, found by its four numbers without making a key. */
import type { TcpConnection } from './connection.ts';

/** The four numbers that name a connection, from the guest's side. */
export interface Endpoints {
  readonly guestIp: number;
  readonly guestPort: number;
  readonly remoteIp: number;
  readonly remotePort: number;
}

const BUCKETS = 4096;

/** A hash table, chained through the connections themselves. */
export class ConnectionTable {
  readonly #buckets: (TcpConnection | undefined)[] = Array.from({ length: BUCKETS }, () => undefined);
  size = 0;

  find(guestIp: number, guestPort: number, remoteIp: number, remotePort: number): TcpConnection | undefined {
    let connection = this.#buckets[bucketOf(guestIp, guestPort, remoteIp, remotePort)];
    while (
      connection &&
      !(
        connection.guestPort === guestPort &&
        connection.remotePort === remotePort &&
        connection.guestIp === guestIp &&
        connection.remoteIp === remoteIp
      )
    ) {
      connection = connection.nextInBucket;
    }
    return connection;
  }

  /** Adds one that is not there. */
  add(connection: TcpConnection): void {
    const { guestIp, guestPort, remoteIp, remotePort } = connection;
    const bucket = bucketOf(guestIp, guestPort, remoteIp, remotePort);
    connection.nextInBucket = this.#buckets[bucket];
    this.#buckets[bucket] = connection;
    this.size++;
  }

  /** Takes one out. Its own link stays, for whoever is walking the table. */
  remove(connection: TcpConnection): void {
    const { guestIp, guestPort, remoteIp, remotePort } = connection;
    const bucket = bucketOf(guestIp, guestPort, remoteIp, remotePort);
    let before: TcpConnection | undefined;
    let here = this.#buckets[bucket];
    while (here && here !== connection) {
      before = here;
      here = here.nextInBucket;
    }
    if (!here) return;
    if (before) before.nextInBucket = connection.nextInBucket;
    else this.#buckets[bucket] = connection.nextInBucket;
    this.size--;
  }

  /** Calls `visit` with each; it may take out the one that it is given. */
  forEach(visit: (connection: TcpConnection) => void): void {
    if (this.size === 0) return;
    for (let first of this.#buckets) {
      while (first) {
        const next: TcpConnection | undefined = first.nextInBucket;
        visit(first);
        first = next;
      }
    }
  }
}

/** A mix of the four numbers: guests choose them, but all that a bad choice costs is the guest's own speed. */
function bucketOf(guestIp: number, guestPort: number, remoteIp: number, remotePort: number): number {
  let hash = Math.imul(guestIp ^ (guestPort << 16) ^ remotePort, 0x9e3779b1) ^ Math.imul(remoteIp, 0x85ebca6b);
  hash ^= hash >>> 15;
  return (Math.imul(hash, 0x2c1b3c6d) >>> 20) & (BUCKETS - 1);
}
