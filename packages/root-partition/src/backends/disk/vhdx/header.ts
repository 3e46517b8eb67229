/** The two headers of a VHDX (MS-VHDX 2.2.2): which one counts, and what a new one looks like. */
import { NIL_GUID } from '@ringlet/wire';
import { type ImageSource, plain } from '../image-source.ts';
import { crc32c } from './crc32c.ts';
import { Header, HEADER_AT, MIB, SIGNATURE } from './layout.ts';

/** Log that is read into memory at open; the usual one is 1 MiB. */
const MOST_LOG = 64 * MIB;

/** The header that counts, and which of the two places holds it. */
export interface CurrentHeader {
  header: Header;
  slot: 0 | 1;
}

/** Finds the current header and checks what it says. @throws UserError when there is none, or it cannot be right. */
export function readHeader(source: ImageSource): CurrentHeader {
  const first = validHeader(source, HEADER_AT[0]);
  const second = validHeader(source, HEADER_AT[1]);
  if (first && second && first.sequence === second.sequence && !same(first, second)) {
    throw source.damaged('its two headers have the same sequence number and different contents');
  }
  const slot = second && (!first || second.sequence > first.sequence) ? 1 : 0;
  const header = slot === 1 ? second : first;
  if (header === undefined) throw source.damaged('neither of its headers is valid');
  if (header.version !== 1) throw source.unsupported(`its version is ${header.version}`);
  if (header.logVersion !== 0 && header.logId !== NIL_GUID) {
    throw source.unsupported(`its log, which must be replayed, has version ${header.logVersion}`);
  }
  const offset = plain(header.logOffset);
  if (header.logLength === 0 || header.logLength % MIB !== 0 || offset % MIB !== 0 || offset < MIB) {
    throw source.damaged('its log is not where a log can be');
  }
  if (header.logLength > MOST_LOG) throw source.unsupported(`its log is ${header.logLength / MIB} MiB long`);
  if (!source.holds(offset, header.logLength)) throw source.damaged('its log lies outside of the file');
  return { header, slot };
}

/** Encodes a header with its checksum. */
export function encodeHeader(header: Header): Uint8Array {
  const encoded = Header.encode({ ...header, signature: SIGNATURE.head });
  new DataView(encoded.buffer).setUint32(Header.at.checksum, crc32c(encoded, Header.at.checksum), true);
  return encoded;
}

function validHeader(source: ImageSource, at: number): Header | undefined {
  if (!source.holds(at, Header.size)) return undefined;
  const encoded = source.read(at, Header.size);
  const header = Header.decode(encoded)!;
  if (header.signature !== SIGNATURE.head || header.checksum !== crc32c(encoded, Header.at.checksum)) return undefined;
  return header;
}

function same(a: Header, b: Header): boolean {
  return a.checksum === b.checksum;
}
