/** A capture file that is being written. The host's disk never holds up a network: what it cannot take is counted. */
import { createWriteStream, type WriteStream } from 'node:fs';
import { captureRefused } from '../failures.ts';
import { interfaceBlock, packetBlock, sectionBlock } from './pcapng.ts';

/** Bytes that may wait for the disk. */
const MOST_WAITING = 16 * 1024 * 1024;

/** Writes one file. */
export class CaptureFile {
  readonly path: string;
  /** Settles once the file is there. Rejects with UserError network-capture-refused. */
  readonly ready: Promise<void>;
  readonly #stream: WriteStream;
  readonly #interfaces = new Map<string, number>();
  #failed = false;
  packets = 0;
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

  /** Writes a frame that passed an interface now. @param direction - one of `PcapngDirection` */
  write(name: string, frame: Uint8Array, direction: number): void {
    if (this.#failed || this.#stream.writableLength > MOST_WAITING) {
      this.dropped++;
      return;
    }
    let index = this.#interfaces.get(name);
    if (index === undefined) {
      index = this.#interfaces.size;
      this.#interfaces.set(name, index);
      this.#stream.write(interfaceBlock(name));
    }
    this.packets++;
    const now = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
    this.#stream.write(packetBlock(index, now, frame, direction));
  }

  inspect(): Record<string, unknown> {
    return { path: this.path, packets: this.packets, dropped: this.dropped };
  }

  /** Writes what waits, and closes. */
  close(done: () => void): void {
    if (this.#failed) return done();
    this.#stream.end(done);
  }
}
