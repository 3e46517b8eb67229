/**
 * A switch with a Unix socket: whoever connects has a port. Machines of one process and of several meet here in the same
 * way, and so do QEMU (`-netdev stream`) and every program that speaks its format.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { CaptureFile } from '../capture/capture-file.ts';
import { PcapngDirection } from '../capture/pcapng.ts';
import { cannotListenAt } from '../failures.ts';
import type { NetworkClock } from '../network-clock.ts';
import type { NetworkPort } from '../network-port.ts';
import { read32 } from '../packet/bytes.ts';
import { FrameStream } from '../stream/frame-stream.ts';
import { type Hello, helloLength, MOST_HELLO, readHello, writeHello } from './hello.ts';
import { Switch, type SwitchPort } from './switch.ts';

const PREFIX = 4;
/** Who says nothing for so long is plugged in as it is: it may be waiting for frames. */
const SILENT_MS = 500;
/** How long an address may still be another's: of a machine that was killed and started again, the end may be heard late. */
const HANDOVER_MS = 500;

/** What a switch is made with. */
export interface SwitchServerOptions {
  /** For ages of learnt addresses, and times in the mirror. */
  readonly clock: NetworkClock;
  /** Where it listens. */
  readonly path: string;
  /** Capture file for every frame. */
  readonly mirror?: string | undefined;
  /** Told how many ports there are, after each change. */
  changed?(ports: number): void;
}

/** A switch that listens. */
export class SwitchServer {
  readonly #options: SwitchServerOptions;
  readonly #switch: Switch;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #capture: CaptureFile | undefined;
  readonly #uplinks: NetworkPort[] = [];
  #unnamed = 0;
  #refused = 0;

  constructor(options: SwitchServerOptions) {
    this.#options = options;
    this.#switch = new Switch(options.clock);
    if (options.mirror !== undefined) {
      const capture = new CaptureFile(options.mirror);
      this.#capture = capture;
      this.#switch.mirror = (port, frame) => capture.write(port, frame, PcapngDirection.In);
    }
    this.#server = createServer((socket) => this.#connected(socket));
  }

  /** Begins to listen. @throws UserError network-socket-refused, network-capture-refused */
  async listen(): Promise<void> {
    await this.#capture?.ready;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(cannotListenAt(this.#options.path, error)));
      this.#server.listen(this.#options.path, resolve);
    });
  }

  /** Plugs in a way out, such as a NAT: every guest of its VLAN reaches it, isolated or not. */
  plug(name: string, uplink: NetworkPort, vlan?: number): void {
    const deliver = (frame: Uint8Array) => uplink.send(frame);
    const port = this.#switch.attach({ name, deliver, ...(vlan !== undefined && { vlan }) });
    this.#uplinks.push(uplink);
    uplink.onReceive((frame) => {
      port?.receive(frame);
      return true;
    });
  }

  #connected(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => {});
    const parts: Buffer[] = [];
    const plugAsItIs = (start: Buffer) => this.#plug(socket, { name: `port ${++this.#unnamed}` }, start);
    const silent = this.#options.clock.after(SILENT_MS, () => {
      if (socket.destroyed) return;
      socket.off('data', first);
      plugAsItIs(Buffer.concat(parts));
    });
    socket.on('close', silent);
    const first = (bytes: Buffer) => {
      parts.push(bytes);
      const start = parts.length === 1 ? bytes : Buffer.concat(parts);
      if (start.length < PREFIX) return;
      const length = helloLength(read32(start, 0));
      if (length !== undefined && length <= MOST_HELLO && start.length < PREFIX + length) return;
      silent();
      socket.off('data', first);
      socket.pause();
      if (length === undefined) return plugAsItIs(start);
      const hello = length > MOST_HELLO ? undefined : readHello(start.subarray(PREFIX, PREFIX + length));
      if (hello && 'ask' in hello) return void socket.end(JSON.stringify(this.inspect()));
      if (hello) return this.#admit(socket, hello, start.subarray(PREFIX + length));
      this.#refused++;
      socket.destroy();
    };
    socket.on('data', first);
  }

  /** Plugs in who has said which address it has, unless another port has it. */
  #admit(socket: Socket, hello: Hello, rest: Buffer, again = false): void {
    const { mac } = hello;
    if (socket.destroyed) return;
    if (mac === undefined) return this.#plug(socket, hello, rest);
    const holder = this.#switch.holderOf(mac, hello);
    if (holder === undefined) {
      socket.write(writeHello({}));
      return this.#plug(socket, hello, rest);
    }
    if (!again) {
      const cancel = this.#options.clock.after(HANDOVER_MS, () => this.#admit(socket, hello, rest, true));
      socket.on('close', cancel);
      return;
    }
    this.#refused++;
    socket.end(writeHello({ takenBy: holder.name }));
  }

  #plug(socket: Socket, hello: Hello, rest: Buffer): void {
    let port: SwitchPort | undefined;
    const stream = new FrameStream(socket, this.#options.clock, {
      frame: (frame) => port?.receive(frame),
      closed: () => {
        port?.detach();
        this.#changed();
      },
    });
    port = this.#switch.attach({ ...hello, deliver: (frame) => stream.send(frame) });
    if (!port) {
      this.#refused++;
      socket.destroy();
      return;
    }
    if (rest.length > 0) socket.unshift(rest);
    socket.resume();
    this.#changed();
  }

  #changed(): void {
    this.#options.changed?.(this.ports);
  }

  /** Ports that something is plugged into, uplinks aside. */
  get ports(): number {
    return this.#switch.portCount - this.#uplinks.length;
  }

  /** Plain data for `ringlet inspect`. */
  inspect(): Record<string, unknown> {
    return {
      path: this.#options.path,
      ...this.#switch.inspect(),
      refused: this.#refused,
      ...(this.#capture && { mirror: this.#capture.inspect() }),
      uplinks: this.#uplinks.map((uplink) => uplink.inspect()),
    };
  }

  /** Unplugs everybody. The file of the socket is gone when it is done. */
  async close(): Promise<void> {
    await new Promise<void>((closed) => {
      this.#server.close(() => closed());
      for (const socket of this.#sockets) socket.destroy();
    });
    for (const uplink of this.#uplinks) await new Promise<void>((done) => uplink.dispose(done));
    await new Promise<void>((done) => (this.#capture ? this.#capture.close(done) : done()));
  }
}
