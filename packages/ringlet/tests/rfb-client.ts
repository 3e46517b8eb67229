/** A VNC viewer without a screen, for tests: RFC 6143 as a viewer reads it. */
import { connect, type Socket } from 'node:net';

/** One rectangle of an update, as it came. */
export interface Rectangle {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly encoding: number;
  readonly data: Buffer;
}

/** A viewer that takes raw pixels of 32 bits, unless it asks for others. */
export class RfbClient {
  readonly #socket: Socket;
  #bytes = Buffer.alloc(0);
  #wake: (() => void) | undefined;
  #ended = false;
  bytesPerPixel = 4;
  width = 0;
  height = 0;
  name = '';

  constructor(at: string | number) {
    this.#socket = typeof at === 'number' ? connect(at, '127.0.0.1') : connect(at);
    this.#socket.on('data', (piece) => {
      this.#bytes = Buffer.concat([this.#bytes, piece]);
      this.#wake?.();
    });
    this.#socket.on('error', () => this.#socket.destroy());
    this.#socket.on('close', () => {
      this.#ended = true;
      this.#wake?.();
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  async read(count: number): Promise<Buffer> {
    while (this.#bytes.length < count) {
      if (this.#ended) throw new Error('the server has hung up');
      await new Promise<void>((wake) => (this.#wake = wake));
    }
    const read = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return read;
  }

  send(...parts: (Uint8Array | readonly number[])[]): void {
    this.#socket.write(Buffer.concat(parts.map((part) => Buffer.from(part as Uint8Array))));
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Without a password. */
  async enter(): Promise<void> {
    const version = await this.read(12);
    this.send(version);
    const kinds = await this.read((await this.read(1))[0]!);
    if (!kinds.includes(1)) throw new Error('a password is asked for');
    this.send([1]);
    if ((await this.read(4)).readUInt32BE() !== 0) throw new Error('not let in');
    this.send([1]);
    const init = await this.read(24);
    this.width = init.readUInt16BE(0);
    this.height = init.readUInt16BE(2);
    this.name = (await this.read(init.readUInt32BE(20))).toString();
  }

  encodings(...encodings: readonly number[]): void {
    const bytes = Buffer.alloc(4 + 4 * encodings.length);
    bytes[0] = 2;
    bytes.writeUInt16BE(encodings.length, 2);
    encodings.forEach((encoding, i) => bytes.writeInt32BE(encoding, 4 + 4 * i));
    this.send(bytes);
  }

  async update(changesOnly: boolean, x = 0, y = 0, width = this.width, height = this.height): Promise<Rectangle[]> {
    const bytes = Buffer.alloc(10);
    bytes[0] = 3;
    bytes[1] = changesOnly ? 1 : 0;
    [x, y, width, height].forEach((value, i) => bytes.writeUInt16BE(value, 2 + 2 * i));
    this.send(bytes);
    const head = await this.read(4);
    if (head[0] !== 0) throw new Error(`message ${head[0]} instead of an update`);
    const rectangles: Rectangle[] = [];
    for (let left = head.readUInt16BE(2); left > 0; left--) rectangles.push(await this.#rectangle());
    return rectangles;
  }

  async #rectangle(): Promise<Rectangle> {
    const head = await this.read(12);
    const [x, y, width, height] = [0, 2, 4, 6].map((at) => head.readUInt16BE(at)) as [number, number, number, number];
    const encoding = head.readInt32BE(8);
    if (encoding === -223) [this.width, this.height] = [width, height];
    const data = encoding === 0 ? await this.read(width * height * this.bytesPerPixel) : Buffer.alloc(0);
    return { x, y, width, height, encoding, data };
  }
}
