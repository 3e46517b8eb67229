/** The checks that an XZ block may carry: CRC-32 (ISO-HDLC), CRC-64 (ECMA-182, reflected), SHA-256, or none. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Sums up data piece by piece. */
export interface Check {
  update(data: Uint8Array): void;
  /** The sum as it stands in the file. */
  digest(): Uint8Array;
}

/** Bytes of a check by the type number in the stream flags, from section 2.1.1.2 of the format. */
export const CHECK_SIZES = [0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64] as const;

/** Makes the check of a type number; `undefined` for one that no specification assigns. */
export function makeCheck(type: number): Check | undefined {
  switch (type) {
    case 0:
      return { update: () => {}, digest: () => new Uint8Array(0) };
    case 1:
      return new Crc32();
    case 4:
      return new Crc64();
    case 10:
      return sha256();
    default:
      return undefined;
  }
}

/** CRC-32 of one run of bytes. */
export function checksum(data: Uint8Array): number {
  return crc32(data);
}

class Crc32 implements Check {
  #sum = 0;

  update(data: Uint8Array): void {
    this.#sum = crc32(data, this.#sum);
  }

  digest(): Uint8Array {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, this.#sum, true);
    return bytes;
  }
}

/** Two halves, as 64-bit arithmetic in JavaScript is slow. */
class Crc64 implements Check {
  #low = ~0;
  #high = ~0;

  update(data: Uint8Array): void {
    let low = this.#low;
    let high = this.#high;
    for (let i = 0; i < data.length; i++) {
      const row = ((low ^ data[i]!) & 0xff) * 2;
      low = ((low >>> 8) | (high << 24)) ^ CRC64_ROWS[row]!;
      high = (high >>> 8) ^ CRC64_ROWS[row + 1]!;
    }
    this.#low = low;
    this.#high = high;
  }

  digest(): Uint8Array {
    const bytes = new Uint8Array(8);
    const view = new DataView(bytes.buffer);
    view.setInt32(0, ~this.#low, true);
    view.setInt32(4, ~this.#high, true);
    return bytes;
  }
}

/** Low and high half for each byte. The polynomial is 42F0E1EBA9EA3693, here with its bits reversed. */
const CRC64_ROWS = ((): Int32Array => {
  const rows = new Int32Array(512);
  for (let byte = 0; byte < 256; byte++) {
    let low = byte;
    let high = 0;
    for (let bit = 0; bit < 8; bit++) {
      const odd = low & 1;
      low = (low >>> 1) | (high << 31);
      high >>>= 1;
      if (odd === 1) {
        low ^= 0xd7870f42;
        high ^= 0xc96c5795;
      }
    }
    rows[2 * byte] = low;
    rows[2 * byte + 1] = high;
  }
  return rows;
})();

function sha256(): Check {
  const hash = createHash('sha256');
  return { update: (data) => void hash.update(data), digest: () => hash.digest() };
}
