/**
 * A TAP interface of a Linux host. Attaching to one takes an ioctl, which Node cannot do; `socat` can, and hands each
 * frame on as one datagram over loopback, between two sockets that are connected to each other and hear nobody else.
 *
 *     tap0 ◄── socat ◄── 127.0.0.1, UDP ──► TapPort
 */
import { createSocket, type Socket } from 'node:dgram';
import { existsSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { CarrierProcess } from '../child-process.ts';
import { carrierFailed, carrierMissing, tapRefused } from '../failures.ts';
import { FrameFinisher } from '../finish-frame.ts';
import { LinkState } from '../link-state.ts';
import type { TapDescription } from '../network-description.ts';
import type { FrameOffload, NetworkPort } from '../network-port.ts';
import { LARGEST_FRAME } from '../packet/ethernet.ts';

const LOOPBACK = '127.0.0.1';
/** socat ends at once when it may not attach. */
const START_MS = 300;
/** Frames come in bursts; the system gives what it allows. */
const BUFFER_BYTES = 4 * 1024 * 1024;
/** Frames on their way into the host. */
const MOST_SENDING = 1024;

/** A port that leads to a TAP interface. */
export class TapPort implements NetworkPort {
  readonly link = new LinkState(false);
  readonly mtu: number;
  readonly #name: string;
  readonly #socket: Socket = createSocket('udp4');
  readonly #finisher = new FrameFinisher();
  #process: CarrierProcess | undefined;
  #sink: ((frame: Uint8Array, offload?: FrameOffload) => boolean) | undefined;
  #sending = 0;
  #taken = true;
  #disposed = false;
  readonly #counts = { framesIn: 0, framesOut: 0, droppedIn: 0, droppedOut: 0 };

  constructor({ name, mtu }: TapDescription) {
    this.#name = name;
    this.mtu = mtu ?? mtuOf(name) ?? 1500;
    this.#socket.on('error', () => this.link.set(false));
    this.#socket.on('message', (frame) => {
      if (this.#sink?.(frame) === true) this.#counts.framesIn++;
      else this.#counts.droppedIn++;
    });
    this.#socket.unref();
  }

  /** Attaches. @throws UserError network-tap-refused, network-helper-missing, network-helper-failed */
  async attach(): Promise<void> {
    if (process.platform !== 'linux') throw tapRefused(this.#name, 'this host is not Linux');
    const mine = await bound(this.#socket);
    const theirs = await freePort();
    const there = existsSync(`/sys/class/net/${this.#name}`);
    const tunnel = `TUN,tun-type=tap,tun-name=${this.#name},iff-no-pi${there ? '' : ',iff-up'}`;
    const carrier = `UDP4-CONNECT:${LOOPBACK}:${mine},bind=${LOOPBACK}:${theirs}`;
    const child = new CarrierProcess('socat', ['-b', String(LARGEST_FRAME), tunnel, carrier]);
    this.#process = child;
    if (this.#disposed) return child.stop();
    const gone = child.ended.then(
      (words) => {
        throw /TUNSETIFF|\/dev\/net\/tun/.test(words) ? tapRefused(this.#name, words) : carrierFailed('socat', words);
      },
      (error: Error) => {
        throw carrierMissing('socat', error);
      },
    );
    gone.catch(() => this.link.set(false));
    await new Promise<void>((resolve) => this.#socket.connect(theirs, LOOPBACK, () => resolve()));
    await Promise.race([gone, delay(START_MS)]);
    this.link.set(!this.#disposed);
  }

  readonly #sendFinished = (frame: Uint8Array): void => {
    if (!this.link.up || this.#sending >= MOST_SENDING) {
      this.#counts.droppedOut++;
      this.#taken = false;
      return;
    }
    this.#sending++;
    this.#socket.send(Buffer.from(frame), (error) => {
      this.#sending--;
      if (error) this.#counts.droppedOut++;
      else this.#counts.framesOut++;
    });
  };

  send(frame: Uint8Array, offload?: FrameOffload): boolean {
    this.#taken = true;
    return this.#finisher.finish(frame, offload, this.#sendFinished) > 0 && this.#taken;
  }

  onReceive(sink: ((frame: Uint8Array, offload?: FrameOffload) => boolean) | undefined): void {
    this.#sink = sink;
  }

  inspect(): Record<string, unknown> {
    const { mtu, link } = this;
    return { kind: 'tap', name: this.#name, mtu, up: link.up, process: this.#process?.pid, ...this.#counts };
  }

  dispose(done: () => void): void {
    if (!this.#disposed) {
      this.#disposed = true;
      this.#sink = undefined;
      this.#process?.stop();
      this.#socket.close();
    }
    done();
  }
}

/** Binds a socket on loopback. @returns its port */
async function bound(socket: Socket): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, LOOPBACK, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  socket.setRecvBufferSize(BUFFER_BYTES);
  socket.setSendBufferSize(BUFFER_BYTES);
  return (socket.address() as AddressInfo).port;
}

/** A port that nobody has just now: socat fails cleanly if somebody takes it in between. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  const port = await bound(socket);
  await new Promise<void>((closed) => socket.close(() => closed()));
  return port;
}

/** The MTU that the interface has, when it is there and one that a NIC can have. */
function mtuOf(name: string): number | undefined {
  try {
    const mtu = Number(readFileSync(`/sys/class/net/${name}/mtu`, 'utf8'));
    return mtu >= 576 && mtu <= 9000 ? mtu : undefined;
  } catch {
    return undefined;
  }
}
