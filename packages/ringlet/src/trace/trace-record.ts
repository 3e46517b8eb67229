/** Trace records: raw ones with what is known of their channel put before them, and decoded by the declared layouts. */
import { TraceKind, TraceSender } from '@ringlet/microkernel';
import { ChannelFraming, ChannelTraceRecord } from '@ringlet/vmbus';
import { type DecodedLayout, decodeLayout, type LayoutTable, NIL_GUID } from '@ringlet/wire';
import { readRecord } from './raw-records.ts';
import { TRACE_ROOT, TRACE_VERSION, TraceHeader } from './trace-layouts.ts';

/** What a record is of. */
export type TraceRecordKind = 'hypercall' | 'msr' | 'message' | 'channel' | 'packet' | 'data' | 'lost';

const KINDS: readonly TraceRecordKind[] = ['lost', 'hypercall', 'msr', 'message', 'channel', 'packet', 'data', 'lost'];
const TICKS_PER_SECOND = 1e7;

/** One record of a trace. */
export interface TraceRecord {
  /** Seconds since the machine's clock was 0; virtual ones in lockstep. */
  readonly time: number;
  /** What was recorded: a packet, a message, a hypercall… */
  readonly kind: TraceRecordKind;
  /** Who sent it, or did it. */
  readonly sender: 'guest' | 'root';
  /** Virtual processor that did it, or whose channel it is. */
  readonly vp: number;
  /** Number of the guest's partition. */
  readonly partition: number;
  /** Channel id and name of the device; absent when it is no channel's. */
  readonly relid?: number;
  /** Name of the device whose channel it was; absent for what is no packet. */
  readonly device?: string;
  /** What kind of device it is, a GUID. */
  readonly interfaceId?: string;
  /** Records that were dropped, in a record of kind `lost`. */
  readonly lost?: number;
  /** Bytes of all of it, those that were not kept included. */
  readonly length: number;
  /** The record with its header, as capture files have it. */
  readonly frame: Uint8Array;
  /** What is in it, field by field, from the outside in; decoded when it is first asked for. */
  readonly layouts: readonly DecodedLayout[];
}

interface ChannelFacts {
  readonly interfaceId: string;
  readonly device: string;
  readonly framing: number;
}

/** Turns raw records into whole ones. It remembers whose the channels are, so it is given all of them, in order. */
export class RecordReader {
  readonly #table: () => LayoutTable;
  readonly #channels = new Map<number, ChannelFacts>();
  #lost = 0;

  constructor(table: () => LayoutTable) {
    this.#table = table;
  }

  /** Learns whose a channel is from a record that was before those that are read. */
  learn(bytes: Uint8Array): void {
    const { relid, body } = readRecord(bytes);
    const facts = ChannelTraceRecord.decode(body);
    if (facts !== undefined) this.#channels.set(relid, facts);
  }

  /** Reads one raw record. */
  read(bytes: Uint8Array): TraceRecord {
    const raw = readRecord(bytes);
    const { kind, sender, vp, partition, relid, subchannel, body, length } = raw;
    const onChannel = kind === TraceKind.Channel || kind === TraceKind.Packet || kind === TraceKind.Data;
    if (kind === TraceKind.Channel) this.learn(bytes);
    const channel = onChannel ? this.#channels.get(relid) : undefined;
    const lost = kind === TraceKind.Lost ? new DataView(body.buffer, body.byteOffset).getUint32(0, true) : 0;
    const frame = new Uint8Array(TraceHeader.size + body.length);
    TraceHeader.write(new DataView(frame.buffer), 0, {
      version: TRACE_VERSION,
      kind,
      sender,
      cut: body.length < length ? 1 : 0,
      headerBytes: TraceHeader.size,
      vp,
      partition,
      relid,
      subchannel,
      framing: channel?.framing ?? ChannelFraming.device,
      lost: kind === TraceKind.Lost ? lost : this.#lost,
      length,
      interfaceId: channel?.interfaceId ?? NIL_GUID,
      device: channel?.device ?? '',
    });
    frame.set(body, TraceHeader.size);
    this.#lost = lost;
    return new FramedRecord(raw.time / TICKS_PER_SECOND, frame, this.#table);
  }
}

/** A record that decodes itself when it is looked into. */
class FramedRecord implements TraceRecord {
  readonly time: number;
  readonly frame: Uint8Array;
  readonly kind: TraceRecordKind;
  readonly sender: 'guest' | 'root';
  readonly vp: number;
  readonly partition: number;
  readonly relid?: number;
  readonly device?: string;
  readonly interfaceId?: string;
  readonly lost?: number;
  readonly length: number;
  readonly #table: () => LayoutTable;
  #layouts: readonly DecodedLayout[] | undefined;

  constructor(time: number, frame: Uint8Array, table: () => LayoutTable) {
    const header = TraceHeader.decode(frame)!;
    this.time = time;
    this.frame = frame;
    this.#table = table;
    this.kind = KINDS[header.kind] ?? 'lost';
    this.sender = header.sender === TraceSender.Root ? 'root' : 'guest';
    this.vp = header.vp;
    this.partition = header.partition;
    this.length = header.length;
    if (header.relid !== 0) this.relid = header.relid;
    if (header.device !== '') this.device = header.device;
    if (header.interfaceId !== NIL_GUID) this.interfaceId = header.interfaceId;
    if (this.kind === 'lost') this.lost = header.lost;
  }

  get layouts(): readonly DecodedLayout[] {
    return (this.#layouts ??= decodeLayout(this.#table(), TRACE_ROOT, this.frame));
  }
}
