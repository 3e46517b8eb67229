/**
 * One entry of a VHDX log (MS-VHDX 2.3.1): pages to write, whole or zero, under one checksum.
 *
 *   ┌ header 64 │ descriptors 32 each … ┐ ┌ data sector ┐ ┌ data sector ┐
 *   └──────── pages of 4 KiB ───────────┘ └─ one for each data descriptor ┘
 *
 * A data sector is the page itself, but for its first eight and last four bytes: those stand in the descriptor, and a
 * signature and the sequence number stand in their place.
 */
import { crc32c } from './crc32c.ts';
import { DataDescriptor, LogEntryHeader, PAGE, SIGNATURE, viewOf, ZeroDescriptor } from './layout.ts';

/** A change that an entry makes: `length` bytes at `offset`; zeroes where there is no data. */
interface LogUpdate {
  offset: bigint;
  length: bigint;
  data?: Uint8Array;
}

/** An entry that is whole. */
export interface LogEntry {
  header: LogEntryHeader;
  updates: LogUpdate[];
}

/** A page to log. */
export interface LoggedPage {
  /** Byte position in the file, a multiple of 4096. */
  position: number;
  /** 4096 bytes. */
  data: Uint8Array;
}

/** Pages that fit into an entry with one page of descriptors. */
export const PAGES_PER_ENTRY = (PAGE - LogEntryHeader.size) / DataDescriptor.size;

/** Pages that the header and `count` descriptors take. */
const descriptorPages = (count: number): number =>
  Math.ceil((LogEntryHeader.size + count * DataDescriptor.size) / PAGE);

/** Encodes an entry that writes `pages`. */
export function encodeLogEntry(
  entry: { logId: string; sequence: bigint; tail: number; flushed: number; last: number },
  pages: readonly LoggedPage[],
): Uint8Array {
  const dataAt = descriptorPages(pages.length) * PAGE;
  const encoded = new Uint8Array(dataAt + pages.length * PAGE);
  const view = viewOf(encoded);
  const { sequence } = entry;
  LogEntryHeader.write(view, 0, {
    signature: SIGNATURE.loge,
    checksum: 0,
    length: encoded.length,
    tail: entry.tail,
    sequence,
    descriptorCount: pages.length,
    logId: entry.logId,
    flushedFileOffset: BigInt(entry.flushed),
    lastFileOffset: BigInt(entry.last),
  });
  pages.forEach(({ position, data }, index) => {
    DataDescriptor.write(view, LogEntryHeader.size + index * DataDescriptor.size, {
      signature: SIGNATURE.desc,
      trailing: data.subarray(PAGE - 4),
      leading: data.subarray(0, 8),
      offset: BigInt(position),
      sequence,
    });
    const at = dataAt + index * PAGE;
    encoded.set(data, at);
    view.setUint32(at, SIGNATURE.data, true);
    view.setUint32(at + 4, Number(sequence >> 32n), true);
    view.setUint32(at + PAGE - 4, Number(sequence & 0xffff_ffffn), true);
  });
  view.setUint32(LogEntryHeader.at.checksum, crc32c(encoded, LogEntryHeader.at.checksum), true);
  return encoded;
}

/** The header of what may be an entry of this log, before its checksum is looked at. */
export function entryHeaderAt(log: Uint8Array, at: number, logId: string): LogEntryHeader | undefined {
  const view = viewOf(log);
  if (view.getUint32(at, true) !== SIGNATURE.loge) return undefined;
  const header = LogEntryHeader.read(view, at);
  const { length, tail } = header;
  if (header.logId !== logId || header.sequence === 0n) return undefined;
  if (length === 0 || length % PAGE !== 0 || length > log.length) return undefined;
  if (tail % PAGE !== 0 || tail >= log.length) return undefined;
  return descriptorPages(header.descriptorCount) * PAGE <= length ? header : undefined;
}

/** Checks and decodes the whole entry at the start of `encoded`; `undefined` when any part of it is not right. */
export function decodeLogEntry(header: LogEntryHeader, encoded: Uint8Array): LogEntry | undefined {
  if (crc32c(encoded, LogEntryHeader.at.checksum) !== header.checksum) return undefined;
  const view = viewOf(encoded);
  const updates: LogUpdate[] = [];
  let dataAt = descriptorPages(header.descriptorCount) * PAGE;
  for (let i = 0; i < header.descriptorCount; i++) {
    const at = LogEntryHeader.size + i * DataDescriptor.size;
    const signature = view.getUint32(at, true);
    if (signature === SIGNATURE.zero) {
      const { offset, length, sequence } = ZeroDescriptor.read(view, at);
      if (sequence !== header.sequence || length % BigInt(PAGE) !== 0n) return undefined;
      updates.push({ offset, length });
    } else if (signature === SIGNATURE.desc) {
      const descriptor = DataDescriptor.read(view, at);
      if (descriptor.sequence !== header.sequence || dataAt + PAGE > encoded.length) return undefined;
      const data = dataSector(encoded.subarray(dataAt, dataAt + PAGE), header.sequence);
      if (data === undefined) return undefined;
      data.set(descriptor.leading, 0);
      data.set(descriptor.trailing, PAGE - 4);
      updates.push({ offset: descriptor.offset, length: BigInt(PAGE), data });
      dataAt += PAGE;
    } else return undefined;
    if (updates.at(-1)!.offset % BigInt(PAGE) !== 0n) return undefined;
  }
  return { header, updates };
}

function dataSector(sector: Uint8Array, sequence: bigint): Uint8Array | undefined {
  const view = viewOf(sector);
  if (view.getUint32(0, true) !== SIGNATURE.data) return undefined;
  const stored = (BigInt(view.getUint32(4, true)) << 32n) | BigInt(view.getUint32(PAGE - 4, true));
  return stored === sequence ? sector.slice() : undefined;
}
