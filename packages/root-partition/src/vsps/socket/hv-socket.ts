/**
 * HvSocket: one connection between a socket of the guest (hv_sock, AF_VSOCK) and a byte stream of the host.
 *
 *     guest ──▶ ring ──▶ BytePipe.data ──▶ stream.write          a stream that is full leaves packets in the ring:
 *     guest ◀── ring ◀── BytePipe.write ◀── stream's data        the guest's writer waits, and the other way round
 *
 * Either side may end its direction alone. The connection is over, and its channel is taken away, when both have ended,
 * when the guest closes the channel, when the stream is gone, or when the guest breaks the pipe's rules; without being
 * taken away (rescinded) the guest would keep its half for ever. Nothing is saved: a restored machine finds its sockets
 * closed, as after a broken network.
 */
import { nameOfService, SocketOrigin } from '@ringlet/protocols';
import { BytePipe, type Channel, type DeviceWorld, type OfferDescription, type Vsp } from '@ringlet/vmbus';
import type { ByteStream } from '../../backends/socket/byte-stream.ts';

/** Packets that may still be in the ring when the guest closes it: it holds no more than 256 KiB. */
const MOST_LEFT = 16_384;

/** Which connection it is, and who hears of it. */
export interface HvSocketOptions {
  /** The guest's end when the guest began, anything unique when the host did: the instance of the offer. */
  readonly endpointId: string;
  /** The service that was asked for: the interface of the offer. */
  readonly serviceId: string;
  readonly fromHost: boolean;
  /** The host's end, connected. */
  readonly stream: ByteStream;
  /** The guest has opened the channel: bytes flow. */
  readonly connected?: () => void;
  /** The connection is over: the device is to be taken off the bus. Called once. */
  readonly over: () => void;
}

/** One connection. */
export class HvSocket implements Vsp {
  readonly offer: OfferDescription;
  readonly #world: DeviceWorld;
  readonly #options: HvSocketOptions;
  readonly #stream: ByteStream;
  #pipe: BytePipe | undefined;
  /** Bytes of the host that the ring had no room for. */
  #held: Uint8Array | undefined;
  #hostEnded = false;
  #guestEnded = false;
  /** The stream is full: the guest's packets wait in the ring. */
  #full = false;
  #over = false;
  #toGuest = 0;
  #fromGuest = 0;

  constructor(world: DeviceWorld, options: HvSocketOptions) {
    this.#world = world;
    this.#options = options;
    this.#stream = options.stream;
    this.offer = {
      name: `socket ${nameOfService(options.serviceId)} ${options.endpointId}`,
      interfaceId: options.serviceId,
      instanceId: options.endpointId,
      kind: 'hv-socket',
      userDefined: Uint8Array.of(options.fromHost ? SocketOrigin.Host : SocketOrigin.Guest),
    };
  }

  opened(channel: Channel): boolean {
    // A connection is made once: whoever opens it again after closing it finds nobody.
    if (this.#pipe !== undefined || this.#over) return false;
    this.#pipe = new BytePipe(channel, {
      data: (bytes) => this.#fromRing(bytes),
      end: () => this.#guestEnd(),
      fault: (fault) => this.#fault(fault),
    });
    this.#options.connected?.();
    this.#stream.start({
      data: (bytes) => this.#fromHost(bytes),
      end: () => this.#hostEnd(),
      drained: () => this.#drained(),
      closed: () => this.#finish(),
    });
    return true;
  }

  /** The pipe takes packets itself. */
  packet(): boolean {
    return false;
  }

  closed(channel: Channel, done: () => void): void {
    // The guest's program is gone, but what it wrote before is owed to the host, whether that reads fast or slowly.
    if (!this.#guestEnded && !this.#over) {
      new BytePipe(channel, {
        data: (bytes) => {
          this.#stream.write(bytes);
          return bytes.length;
        },
        end: () => {},
        fault: () => {},
      });
      channel.poll(MOST_LEFT);
    }
    this.#finish();
    done();
  }

  inspect(): Record<string, unknown> {
    return {
      service: nameOfService(this.#options.serviceId),
      from: this.#options.fromHost ? 'host' : 'guest',
      open: this.#pipe !== undefined && !this.#over,
      ended: { host: this.#hostEnded, guest: this.#guestEnded },
      waiting: { toGuest: this.#held !== undefined, toHost: this.#full },
      bytes: { toGuest: this.#toGuest, fromGuest: this.#fromGuest },
    };
  }

  dispose(done: () => void): void {
    this.#finish();
    done();
  }

  #fromRing(bytes: Uint8Array): number {
    if (this.#full) return 0;
    this.#fromGuest += bytes.length;
    this.#full = !this.#stream.write(bytes);
    return bytes.length;
  }

  #drained(): void {
    this.#full = false;
    this.#pipe?.resume();
  }

  #guestEnd(): void {
    this.#guestEnded = true;
    this.#stream.end();
    this.#endTogether();
  }

  #fromHost(bytes: Uint8Array): void {
    const pipe = this.#pipe!;
    const written = this.#held === undefined ? pipe.write(bytes) : 0;
    this.#toGuest += written;
    if (written === bytes.length) return;
    this.#stream.pause();
    const rest = bytes.subarray(written);
    this.#held = this.#held === undefined ? Uint8Array.from(rest) : joined(this.#held, rest);
    pipe.whenWritable(() => this.#writeHeld());
  }

  #writeHeld(): void {
    const held = this.#held;
    if (held === undefined || this.#over) return;
    const written = this.#pipe!.write(held);
    this.#toGuest += written;
    this.#held = written === held.length ? undefined : held.subarray(written);
    if (this.#held !== undefined) this.#pipe!.whenWritable(() => this.#writeHeld());
    else if (this.#hostEnded) this.#endPipe();
    else this.#stream.resume();
  }

  #hostEnd(): void {
    this.#hostEnded = true;
    if (this.#held === undefined) this.#endPipe();
  }

  #endPipe(): void {
    this.#pipe!.end();
    this.#endTogether();
  }

  /** Both have said all that they had to say. What is in the ring stays readable for the guest. */
  #endTogether(): void {
    if (this.#hostEnded && this.#guestEnded && this.#held === undefined) this.#finish();
  }

  #fault(fault: string): void {
    this.#world.log.guestError(`socket ${fault}`);
    this.#finish();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#held = undefined;
    this.#stream.release();
    this.#options.over();
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
