/** Raw records: how they stand in a ring, and in what is kept of a trace. See the microkernel's trace ring. */
import { TRACE_HEADER_BYTES, TraceKind } from '@ringlet/microkernel';

/** One record, still as it was written. */
export interface RawRecord {
  readonly kind: number;
  readonly sender: number;
  readonly vp: number;
  /** In units of 100 ns, by the machine's clock. */
  readonly time: number;
  readonly partition: number;
  readonly relid: number;
  readonly subchannel: number;
  /** Bytes that there were. */
  readonly length: number;
  /** Those that were kept. */
  readonly body: Uint8Array;
}

/** Time of a record. */
export const timeOf = ({ buffer, byteOffset }: Uint8Array): number =>
  new DataView(buffer, byteOffset, TRACE_HEADER_BYTES).getFloat64(8, true);

/** Cuts what a ring gave into records: bytes of each, headers included. Fillers are left out. */
export function cutRecords(chunk: Uint8Array): Uint8Array[] {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const records: Uint8Array[] = [];
  for (let at = 0; at + 8 <= chunk.length;) {
    const total = view.getUint32(at, true);
    if (total < 8 || at + total > chunk.length) break;
    if ((view.getUint32(at + 4, true) & 0xff) !== 0) records.push(chunk.subarray(at, at + total));
    at += total;
  }
  return records;
}

/** Reads one record. */
export function readRecord(bytes: Uint8Array): RawRecord {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = view.getUint32(4, true);
  const channel = view.getUint32(20, true);
  const kept = Math.min(view.getUint32(28, true), bytes.length - TRACE_HEADER_BYTES);
  return {
    kind: word & 0xff,
    sender: (word >>> 8) & 0xff,
    vp: word >>> 16,
    time: timeOf(bytes),
    partition: view.getUint32(16, true),
    relid: channel & 0xffff,
    subchannel: channel >>> 16,
    length: view.getUint32(24, true),
    body: bytes.subarray(TRACE_HEADER_BYTES, TRACE_HEADER_BYTES + kept),
  };
}

/** A record that says how many were lost before the next. */
export function lostRecord(count: number, time: number): Uint8Array {
  const bytes = new Uint8Array(TRACE_HEADER_BYTES + 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint32(4, TraceKind.Lost, true);
  view.setFloat64(8, time, true);
  view.setUint32(24, 4, true);
  view.setUint32(28, 4, true);
  view.setUint32(TRACE_HEADER_BYTES, count, true);
  return bytes;
}
