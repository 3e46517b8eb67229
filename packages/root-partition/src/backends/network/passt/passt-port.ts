/**
 * passt: a user-mode network in a process of its own, for hosts that have it. The guest shares the host's addresses, IPv6
 * included. Its frames come over a Unix socket in a directory that only this user can enter.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CarrierProcess } from '../child-process.ts';
import { carrierFailed, carrierMissing } from '../failures.ts';
import type { PasstDescription } from '../network-description.ts';
import type { FrameOffload, NetworkPort } from '../network-port.ts';
import { StreamPort } from '../stream/stream-port.ts';

const START_MS = 10_000;
const LOOK_MS = 20;

/** A port that passt serves. */
export class PasstPort implements NetworkPort {
  readonly #directory: string;
  readonly #process: CarrierProcess;
  readonly #port: StreamPort;

  constructor({ forwards = [], mtu = 1500, hostAccess = true }: PasstDescription) {
    this.#directory = mkdtempSync(join(tmpdir(), 'ringlet-passt-'));
    const path = join(this.#directory, 'socket');
    const words = ['--foreground', '--one-off', '--quiet', '--socket', path, '--mtu', String(mtu)];
    if (!hostAccess) words.push('--no-map-gw');
    // As root, passt would become nobody, who cannot enter the directory.
    if (process.getuid?.() === 0) words.push('--runas', '0');
    for (const { protocol = 'tcp', hostIp = '127.0.0.1', hostPort, guestPort } of forwards) {
      words.push(protocol === 'tcp' ? '--tcp-ports' : '--udp-ports', `${hostIp}/${hostPort}:${guestPort}`);
    }
    this.#process = new CarrierProcess('passt', words);
    this.#port = new StreamPort({ kind: 'passt', path, mtu, reconnect: false });
  }

  /** Waits for passt, and connects. @throws UserError network-helper-missing, network-helper-failed */
  async connect(): Promise<void> {
    const gone = this.#process.ended.then(
      (words) => {
        throw carrierFailed('passt', words);
      },
      (error: Error) => {
        throw carrierMissing('passt', error);
      },
    );
    gone.catch(() => {});
    const end = Date.now() + START_MS;
    for (;;) {
      try {
        return await Promise.race([this.#port.connect(), gone]);
      } catch (error) {
        if (!this.#process.running) await gone;
        if (Date.now() > end) throw carrierFailed('passt', String(error));
        await delay(LOOK_MS);
      }
    }
  }

  get link(): NetworkPort['link'] {
    return this.#port.link;
  }

  get mtu(): number {
    return this.#port.mtu;
  }

  send(frame: Uint8Array, offload?: FrameOffload): boolean {
    return this.#port.send(frame, offload);
  }

  onReceive(sink: ((frame: Uint8Array, offload?: FrameOffload) => boolean) | undefined): void {
    this.#port.onReceive(sink);
  }

  inspect(): Record<string, unknown> {
    return { ...this.#port.inspect(), process: this.#process.pid };
  }

  dispose(done: () => void): void {
    this.#port.dispose(() => {
      this.#process.stop();
      rmSync(this.#directory, { recursive: true, force: true });
      done();
    });
  }
}
