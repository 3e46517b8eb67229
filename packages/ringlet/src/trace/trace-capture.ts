/**
 * Trace capture: records as a capture file. An interface `ringlet` has every record, with its header, as DLT USER0; for each
 * network adapter there is one more with the frames that went through it, as plain Ethernet.
 */
import { RndisPacket, RNDIS_HEADER_SIZE, RndisType } from '@ringlet/protocols';
import { CaptureFile, LinkType, PcapngDirection } from '@ringlet/root-partition';
import { interfaces } from '@ringlet/vmbus';
import { TraceHeader } from './trace-layouts.ts';
import type { TraceRecord } from './trace-record.ts';

/** Name of the interface that has the records. */
const RECORDS = 'ringlet';
const NANOSECONDS_PER_SECOND = 1e9;
const NANOSECONDS_PER_MILLISECOND = 1_000_000n;

/** Writes records to a capture file. */
export class TraceCapture {
  readonly #file: CaptureFile;
  readonly #epoch: bigint;
  readonly #snapBytes: number;

  /**
   * @param epochMs - when the clock of the records was 0
   * @param snapBytes - of each frame and record that are written, at most
   */
  constructor(path: string, epochMs: number, snapBytes = Infinity) {
    this.#snapBytes = snapBytes;
    this.#file = new CaptureFile(path);
    this.#epoch = BigInt(Math.round(epochMs * 1000)) * (NANOSECONDS_PER_MILLISECOND / 1000n);
  }

  /** Settles once the file is there. Rejects with UserError `network-capture-refused`. */
  get ready(): Promise<void> {
    return this.#file.ready;
  }

  /** Packets in the file. */
  get packets(): number {
    return this.#file.packets;
  }

  /** Packets that the disk was too slow for. */
  get dropped(): number {
    return this.#file.dropped;
  }

  write(record: TraceRecord): void {
    const { frame, sender } = record;
    const time = this.#epoch + BigInt(Math.round(record.time * NANOSECONDS_PER_SECOND));
    const direction = sender === 'guest' ? PcapngDirection.Out : PcapngDirection.In;
    const length = TraceHeader.size + record.length;
    const kept = this.#cut(frame, TraceHeader.size);
    this.#file.write(RECORDS, kept, direction, { linkType: LinkType.User0, time, length });
    const ethernet = record.kind === 'data' ? frameOf(record) : undefined;
    if (ethernet === undefined) return;
    const { bytes } = ethernet;
    this.#file.write(record.device ?? 'network', this.#cut(bytes), direction, { time, length: ethernet.length });
  }

  #cut(bytes: Uint8Array, head = 0): Uint8Array {
    return bytes.length > head + this.#snapBytes ? bytes.subarray(0, head + this.#snapBytes) : bytes;
  }

  /** Waits until the disk has what was written. */
  drained(): Promise<void> {
    return this.#file.drained();
  }

  close(): Promise<void> {
    return new Promise((closed) => this.#file.close(closed));
  }
}

/** The Ethernet frame in an RNDIS PACKET, as far as it was kept. */
function frameOf({ frame }: TraceRecord): { bytes: Uint8Array; length: number } | undefined {
  const header = TraceHeader.decode(frame);
  if (header?.interfaceId !== interfaces.network.interfaceId) return undefined;
  const message = frame.subarray(TraceHeader.size);
  const packet = RndisPacket.decode(message);
  if (packet?.type !== RndisType.Packet) return undefined;
  const start = RNDIS_HEADER_SIZE + packet.dataOffset;
  if (start >= message.length) return undefined;
  return { bytes: message.subarray(start, start + packet.dataLength), length: packet.dataLength };
}
