/** What a viewer says once it is in (RFC 6143, section 7.5), and QEMU's extension for keys that no layout has touched. */
import type { Rectangle } from '@ringlet/protocols';
import { type ByteReader, ViewerGone } from './byte-reader.ts';
import { type PixelFormat, PIXEL_FORMAT_BYTES, readPixelFormat } from './pixel-format.ts';

const SET_PIXEL_FORMAT = 0;
const SET_ENCODINGS = 2;
const UPDATE_REQUEST = 3;
const KEY = 4;
const POINTER = 5;
const CUT_TEXT = 6;
const QEMU = 255;
const QEMU_KEY = 0;

/** Encodings that a viewer may list; those after them are not looked at. */
const MOST_ENCODINGS = 256;

/** One message. */
export type ClientMessage =
  | { readonly type: 'format'; readonly format: PixelFormat }
  /** Encodings that it understands, the dearest first. */
  | { readonly type: 'encodings'; readonly encodings: readonly number[] }
  /** It would like to see a part: all of it, or what has changed since it last saw it. */
  | { readonly type: 'request'; readonly changesOnly: boolean; readonly part: Rectangle }
  /** A key, by the symbol that it stands for; by its scan code too, when the viewer knows. */
  | { readonly type: 'key'; readonly down: boolean; readonly symbol: number; readonly scanCode?: number }
  | { readonly type: 'pointer'; readonly buttons: number; readonly x: number; readonly y: number }
  /** Text that was cut, which no synthetic device takes. */
  | { readonly type: 'ignored' };

/** Reads the next message. @throws ViewerGone when there is none, or none that can be read over */
export async function readClientMessage(reader: ByteReader): Promise<ClientMessage> {
  const type = (await reader.read(1))[0]!;
  switch (type) {
    case SET_PIXEL_FORMAT: {
      const format = readPixelFormat((await reader.read(3 + PIXEL_FORMAT_BYTES)).subarray(3));
      if (typeof format === 'string') throw new ViewerGone(`it wants ${format}`);
      return { type: 'format', format };
    }
    case SET_ENCODINGS: {
      const count = (await reader.read(3)).readUInt16BE(1);
      const listed = Math.min(count, MOST_ENCODINGS);
      const bytes = await reader.read(4 * listed);
      await reader.skip(4 * (count - listed));
      return { type: 'encodings', encodings: Array.from({ length: listed }, (_, i) => bytes.readInt32BE(4 * i)) };
    }
    case UPDATE_REQUEST: {
      const bytes = await reader.read(9);
      const [left, top, width, height] = [1, 3, 5, 7].map((at) => bytes.readUInt16BE(at)) as [
        number,
        number,
        number,
        number,
      ];
      const part = { left, top, right: left + width, bottom: top + height };
      return { type: 'request', changesOnly: bytes[0] !== 0, part };
    }
    case KEY: {
      const bytes = await reader.read(7);
      return { type: 'key', down: bytes[0] !== 0, symbol: bytes.readUInt32BE(3) };
    }
    case POINTER: {
      const bytes = await reader.read(5);
      return { type: 'pointer', buttons: bytes[0]!, x: bytes.readUInt16BE(1), y: bytes.readUInt16BE(3) };
    }
    case CUT_TEXT:
      // A negative length is the extended clipboard's, which is only sent to who has asked for it.
      await reader.skip(Math.abs((await reader.read(7)).readInt32BE(3)));
      return { type: 'ignored' };
    case QEMU: {
      if ((await reader.read(1))[0] !== QEMU_KEY) throw new ViewerGone('it sends messages that nobody has offered');
      const bytes = await reader.read(10);
      const [symbol, scanCode] = [bytes.readUInt32BE(2), bytes.readUInt32BE(6)];
      return { type: 'key', down: bytes.readUInt16BE(0) !== 0, symbol, ...(scanCode > 0 && { scanCode }) };
    }
    default:
      throw new ViewerGone('it sends messages that nobody has offered');
  }
}
