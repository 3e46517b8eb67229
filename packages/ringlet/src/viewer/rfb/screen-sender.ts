/**
 * What a viewer is shown: the parts that have changed, when it asks for them (RFC 6143, section 7.6).
 *
 * A viewer asks, gets one update, and asks again when it has drawn it, so a slow one is never more than one picture behind
 * and nothing queues up. Updates go out one after another.
 */
import type { Rectangle } from '@ringlet/protocols';
import { overlap, whole } from '@ringlet/root-partition';
import type { ViewedMachine } from '../viewed-machine.ts';
import { Damage } from './damage.ts';
import { DeflateStream } from './deflate-stream.ts';
import { NATIVE_FORMAT, type PixelFormat, PixelWriter } from './pixel-format.ts';
import { zrleTiles } from './zrle.ts';

const Encoding = { Raw: 0, Zrle: 16, DesktopSize: -223, QemuKey: -258 } as const;
const UPDATE = 0;

/** Pixels of a screen. */
export interface ScreenSize {
  readonly width: number;
  readonly height: number;
}

/** Sends one viewer its pictures. */
export class ScreenSender {
  readonly #machine: ViewedMachine;
  readonly #write: (bytes: Uint8Array) => void;
  readonly #failed: (error: unknown) => void;
  readonly #damage = new Damage();
  readonly #deflate = new DeflateStream();
  #writer = new PixelWriter(NATIVE_FORMAT);
  #encodings: readonly number[] = [];
  /** The size that the viewer knows, and the one that the screen has. */
  #known: ScreenSize;
  #size: ScreenSize;
  #wanted: Rectangle | undefined;
  #keysOffered = false;
  #sending = false;

  /** @param failed - called when nothing can be sent any more */
  constructor(
    machine: ViewedMachine,
    size: ScreenSize,
    write: (bytes: Uint8Array) => void,
    failed: (error: unknown) => void,
  ) {
    this.#machine = machine;
    this.#known = this.#size = size;
    this.#write = write;
    this.#failed = failed;
  }

  format(format: PixelFormat): void {
    this.#writer = new PixelWriter(format);
  }

  encodings(encodings: readonly number[]): void {
    this.#encodings = encodings;
  }

  /** The viewer would like to see `part`. */
  request(changesOnly: boolean, part: Rectangle): void {
    if (!changesOnly) this.#damage.add([part]);
    this.#wanted = part;
    this.#send();
  }

  /** The screen has another size. */
  resized(size: ScreenSize): void {
    this.#size = size;
    this.#damage.clear();
    this.#damage.add([whole(size)]);
    this.#send();
  }

  /** Parts of it have changed. */
  changed(parts: readonly Rectangle[]): void {
    this.#damage.add(parts);
    this.#send();
  }

  close(): void {
    this.#wanted = undefined;
    this.#deflate.close();
  }

  #send(): void {
    if (this.#sending || this.#wanted === undefined) return;
    this.#sending = true;
    this.#update(this.#wanted)
      .catch(this.#failed)
      .finally(() => {
        this.#sending = false;
        if (this.#wanted !== undefined && this.#pending(this.#wanted)) this.#send();
      });
  }

  /** Whether something came up while an update was being made. */
  #pending(window: Rectangle): boolean {
    const parts = this.#damage.take(window);
    this.#damage.add(parts);
    return parts.length > 0;
  }

  async #update(window: Rectangle): Promise<void> {
    const parts = this.#changes();
    if (parts.length === 0) {
      const size = this.#known;
      const taken = this.#damage.take(window).flatMap((part) => overlap(part, whole(size)) ?? []);
      for (const part of taken) parts.push(await this.#part(part));
    }
    if (parts.length === 0) return;
    this.#wanted = undefined;
    const head = Buffer.alloc(4);
    head.writeUInt8(UPDATE, 0);
    head.writeUInt16BE(parts.length, 2);
    this.#write(Buffer.concat([head, ...parts]));
  }

  /** What is told before any picture: another size, and that scan codes are understood. */
  #changes(): Buffer[] {
    const { width, height } = this.#size;
    if (width !== this.#known.width || height !== this.#known.height) {
      if (this.#encodings.includes(Encoding.DesktopSize)) {
        this.#known = this.#size;
        return [heading({ left: 0, top: 0, right: width, bottom: height }, Encoding.DesktopSize)];
      }
    }
    if (this.#keysOffered || !this.#encodings.includes(Encoding.QemuKey)) return [];
    this.#keysOffered = true;
    return [heading({ left: 0, top: 0, right: 0, bottom: 0 }, Encoding.QemuKey)];
  }

  async #part(part: Rectangle): Promise<Buffer> {
    const width = part.right - part.left;
    const pixels = await this.#pixels(part);
    const writer = this.#writer;
    if (this.#encodings.includes(Encoding.Zrle)) {
      const compressed = await this.#deflate.compress(zrleTiles(pixels, width, writer));
      const length = Buffer.alloc(4);
      length.writeUInt32BE(compressed.length);
      return Buffer.concat([heading(part, Encoding.Zrle), length, compressed]);
    }
    const raw = Buffer.alloc(pixels.length * writer.bytes);
    for (let i = 0, at = 0; i < pixels.length; i++) at = writer.put(pixels[i]!, raw, at);
    return Buffer.concat([heading(part, Encoding.Raw), raw]);
  }

  /** Beside the picture, and while there is none, everything is black. */
  async #pixels(part: Rectangle): Promise<Uint32Array> {
    const width = part.right - part.left;
    const height = part.bottom - part.top;
    const picture = await this.#machine.display.screenshot(part).catch(() => undefined);
    if (picture === undefined) return new Uint32Array(width * height);
    const converted = this.#writer.convert(picture.pixels);
    if (picture.width === width && picture.height === height) return converted;
    const padded = new Uint32Array(width * height);
    for (let y = 0; y < Math.min(height, picture.height); y++) {
      padded.set(converted.subarray(y * picture.width, y * picture.width + Math.min(width, picture.width)), y * width);
    }
    return padded;
  }
}

/** The head of one rectangle of an update. */
function heading({ left, top, right, bottom }: Rectangle, encoding: number): Buffer {
  const bytes = Buffer.alloc(12);
  [left, top, right - left, bottom - top].forEach((value, i) => bytes.writeUInt16BE(value, 2 * i));
  bytes.writeInt32BE(encoding, 8);
  return bytes;
}
