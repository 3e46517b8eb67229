/** A capture file that is being written. The host's disk never holds up a network: what it cannot take is counted. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { captureRefused } from '../failures.ts';
import { interfaceBlock, LinkType, packetBlock, sectionBlock } from './pcapng.ts';

/** Bytes that may wait for the disk. */
const MOST_WAITING = 16 * 1024 * 1024;

/** What is known of a packet beside its bytes. */
export interface PacketFacts {
  /** One of `LinkType`; Ethernet when absent. The packets of one interface have one. */
  readonly linkType?: number;
  /** Nanoseconds since 1970; now when absent. */
  readonly time?: bigint;
  /** Bytes that it had, when not all of them are there. */
  readonly length?: number;
}

/** Writes one file. */
export class CaptureFile {
  /** The file. */
  readonly path: string;
  /** Settles once the file is there. Rejects with UserError network-capture-refused. */
  readonly ready: Promise<void>;
  readonly #stream: WriteStream;
  readonly #interfaces = new Map<string, number>();
  #failed = false;
  /** Packets that were taken. */
  packets = 0;
  /** Packets that were not: the file could not keep up. */
  dropped = 0;

  constructor(path: string) {
    this.path = path;
    this.#stream = createWriteStream(path);
    this.ready = new Promise((resolve, reject) => {
      this.#stream.once('open', () => resolve());
      this.#stream.once('error', (error) => reject(captureRefused(path, error)));
    });
    this.#stream.on('error', () => (this.#failed = true));
    this.#stream.write(sectionBlock('ringlet'));
  }

  /** Writes a packet of an interface. @param direction - one of `PcapngDirection` */
  write(name: string, frame: Uint8Array, direction: number, facts: PacketFacts = {}): void {
    if (this.#failed || this.#stream.writableLength > MOST_WAITING) {
      this.dropped++;
      return;
    }
    let index = this.#interfaces.get(name);
    if (index === undefined) {
      index = this.#interfaces.size;
      this.#interfaces.set(name, index);
      this.#stream.write(interfaceBlock(name, facts.linkType ?? LinkType.Ethernet));
    }
    this.packets++;
    this.#stream.write(packetBlock(index, facts.time ?? now(), frame, direction, facts.length));
  }

  /** Waits until the disk has taken what was written: for who need not go on meanwhile. */
  async drained(): Promise<void> {
    if (this.#failed || !this.#stream.writableNeedDrain) return;
    await new Promise<void>((done) => {
      this.#stream.once('drain', done);
      this.#stream.once('error', () => done());
    });
  }

  /** Plain data for `ringlet inspect`. */
  inspect(): Record<string, unknown> {
    return { path: this.path, packets: this.packets, dropped: this.dropped };
  }

  /** Writes what waits, and closes. */
  close(done: () => void): void {
    if (this.#failed) return done();
    this.#stream.end(done);
  }
}

const now = (): bigint => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
