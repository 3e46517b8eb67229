/** A place in a run of bytes that moves as it reads, and refuses to leave it. For headers, not for payloads. */
import { damaged } from '../../damaged.ts';

/** Reads the small fields of an XZ file. Every read past the end throws UserError `file-damaged`. */
export class ByteCursor {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  position: number;

  constructor(bytes: Uint8Array, position = 0) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.position = position;
  }

  /** Bytes from here to the end. */
  get left(): number {
    return this.bytes.length - this.position;
  }

  /** What is left, as a view. */
  get rest(): Uint8Array {
    return this.bytes.subarray(this.position);
  }

  /** What lies between `start` and here, as a view. */
  since(start: number): Uint8Array {
    return this.bytes.subarray(start, this.position);
  }

  /** Steps over `count` bytes. @returns where they end. */
  skip(count: number): number {
    if (count > this.left) throw damaged('XZ', 'it is cut short');
    this.position += count;
    return this.position;
  }

  /** The next `count` bytes, as a view. */
  take(count: number): Uint8Array {
    this.skip(count);
    return this.since(this.position - count);
  }

  /** The next byte, without stepping over it. */
  peek(): number {
    if (this.left < 1) throw damaged('XZ', 'it is cut short');
    return this.bytes[this.position]!;
  }

  /** The next four bytes as a number, without stepping over them. */
  peekU32(): number {
    if (this.left < 4) throw damaged('XZ', 'it is cut short');
    return this.#view.getUint32(this.position, true);
  }

  u8(): number {
    this.skip(1);
    return this.#view.getUint8(this.position - 1);
  }

  u16(): number {
    this.skip(2);
    return this.#view.getUint16(this.position - 2, true);
  }

  u32(): number {
    this.skip(4);
    return this.#view.getUint32(this.position - 4, true);
  }

  /** A number of seven bits a byte, least significant first; the top bit says that more follow. */
  variable(): number {
    let value = 0;
    for (let shift = 0; shift < 63; shift += 7) {
      const byte = this.u8();
      value += (byte & 0x7f) * 2 ** shift;
      if ((byte & 0x80) !== 0) continue;
      if (byte === 0 && shift > 0) throw damaged('XZ', 'a number is longer than it need be');
      if (!Number.isSafeInteger(value)) throw damaged('XZ', 'a number is too large');
      return value;
    }
    throw damaged('XZ', 'a number is too long');
  }

  /** Steps over zeros up to a multiple of four bytes from `start`. */
  zerosToMultipleOf4(start = 0): void {
    while ((this.position - start) % 4 !== 0) if (this.u8() !== 0) throw damaged('XZ', 'padding is not zero');
  }
}
