/**
 * Packets of the GDB remote serial protocol (GDB manual, appendix E.1): `$data#checksum`, acknowledged by `+` or `-` until
 * both sides agree not to, and the byte 0x03 for Ctrl-C.
 *
 * Data is text of bytes 0 to 255, one a character; a byte that the framing needs is `}` and itself xor 0x20.
 */

/** Bytes of a packet's data, at most: told to gdb, and held by both sides. */
export const LONGEST_PACKET = 0x4000;

const INTERRUPT = 0x03;
const DOLLAR = 0x24;
const HASH = 0x23;
const MINUS = 0x2d;
const PLUS = 0x2b;
const ESCAPE = 0x7d;
const ESCAPED_BY = 0x20;

/** What arrived. */
export type Arrival =
  | { readonly kind: 'packet'; readonly data: string }
  | { readonly kind: 'interrupt' }
  /** The other side asks for our last packet again. */
  | { readonly kind: 'again' }
  /** A packet whose checksum is wrong. */
  | { readonly kind: 'damaged' };

/** Cuts a stream of bytes into packets. */
export class PacketReader {
  #state: 'between' | 'data' | 'checksum' = 'between';
  #data: number[] = [];
  #checksum = '';

  /** @returns what is complete now; `undefined` when a packet is longer than was agreed: the stream cannot be trusted */
  push(bytes: Uint8Array): Arrival[] | undefined {
    const arrivals: Arrival[] = [];
    for (const byte of bytes) {
      const arrival = this.#take(byte);
      if (arrival === 'overlong') return undefined;
      if (arrival) arrivals.push(arrival);
    }
    return arrivals;
  }

  #take(byte: number): Arrival | 'overlong' | undefined {
    switch (this.#state) {
      case 'between':
        if (byte === DOLLAR) this.#begin();
        else if (byte === INTERRUPT) return { kind: 'interrupt' };
        else if (byte === MINUS) return { kind: 'again' };
        // An acknowledgement says nothing new, and noise on the line is not ours to judge.
        return undefined;
      case 'data':
        // A packet that was given up, and the next.
        if (byte === DOLLAR) this.#begin();
        else if (byte === HASH) this.#state = 'checksum';
        else if (this.#data.length >= 2 * LONGEST_PACKET) return 'overlong';
        else this.#data.push(byte);
        return undefined;
      case 'checksum':
        this.#checksum += String.fromCharCode(byte);
        return this.#checksum.length < 2 ? undefined : this.#end();
    }
  }

  #begin(): void {
    this.#state = 'data';
    this.#data = [];
    this.#checksum = '';
  }

  #end(): Arrival {
    this.#state = 'between';
    const right = /^[0-9a-f]{2}$/i.test(this.#checksum) && Number.parseInt(this.#checksum, 16) === sum(this.#data);
    return right ? { kind: 'packet', data: unescaped(this.#data) } : { kind: 'damaged' };
  }
}

/** A packet as it goes over the line. */
export function packetOf(data: string): Uint8Array {
  const bytes: number[] = [];
  for (let i = 0; i < data.length; i++) {
    const byte = data.charCodeAt(i) & 0xff;
    // `*` would begin a run length.
    if (byte === DOLLAR || byte === HASH || byte === ESCAPE || byte === 0x2a) bytes.push(ESCAPE, byte ^ ESCAPED_BY);
    else bytes.push(byte);
  }
  const checksum = sum(bytes).toString(16).padStart(2, '0');
  return Uint8Array.from([DOLLAR, ...bytes, HASH, checksum.charCodeAt(0), checksum.charCodeAt(1)]);
}

/** What says that a packet arrived, or did not. */
export const ACKNOWLEDGED = Uint8Array.of(PLUS);
export const NOT_ACKNOWLEDGED = Uint8Array.of(MINUS);

const sum = (bytes: readonly number[]): number => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);

function unescaped(bytes: readonly number[]): string {
  let text = '';
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (byte !== ESCAPE) text += String.fromCharCode(byte);
    else if (++i < bytes.length) text += String.fromCharCode(bytes[i]! ^ ESCAPED_BY);
  }
  return text;
}

/** Bytes as pairs of hexadecimal digits. */
export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

/** The bytes of pairs of hexadecimal digits; `undefined` when the text is something else. */
export function bytesOf(hex: string): Uint8Array | undefined {
  return hex.length % 2 === 0 && /^[0-9a-f]*$/i.test(hex) ? Uint8Array.from(Buffer.from(hex, 'hex')) : undefined;
}

/** A number in hexadecimal digits, as addresses and lengths are written; `undefined` when the text is something else. */
export function numberOf(hex: string | undefined): bigint | undefined {
  return hex !== undefined && /^[0-9a-f]{1,16}$/i.test(hex) ? BigInt(`0x${hex}`) : undefined;
}
