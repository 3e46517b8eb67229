/**
 * Dynamic memory: messages of the balloon device (`struct dm_*` of Linux's `drivers/hv/hv_balloon.c`). In-band packets, no
 * completions; each message begins with its type and its own length. Pages are of 4 KiB.
 *
 *     guest ──▶ version request      ──▶ capabilities    ──▶ status, once a second, from 45 s after the driver started
 *     guest ◀── version response     ◀── response        ◀── balloon, unballoon, hot add: one at a time
 */
import { type Infer, reserved, struct, u16, u32, u64 } from '@ringlet/wire';

/** The balloon device: GUIDs of its interface, and of its only instance. */
export const DYNAMIC_MEMORY = {
  interfaceId: '525074dc-8985-46e2-8057-a307dc18a502',
  instanceId: '1eccfd72-4b41-45ef-b73a-4a6e44c12924',
} as const;

/** Message types. A peer may write any other number. */
export const MemoryMessage = {
  VersionRequest: 1,
  VersionResponse: 2,
  Capabilities: 3,
  CapabilitiesResponse: 4,
  Status: 5,
  BalloonRequest: 6,
  BalloonResponse: 7,
  UnballoonRequest: 8,
  UnballoonResponse: 9,
  HotAddRequest: 10,
  HotAddResponse: 11,
  Information: 12,
} as const;

/** Versions, major in the high half: 2.0 of Windows 10, 1.0 of Windows 8, 0.3 of Windows 7. */
export const MEMORY_VERSIONS: readonly number[] = [0x0002_0000, 0x0001_0000, 0x0000_0003];
/** The first version that has {@link MemoryInformation}. */
export const MEMORY_VERSION_1 = 0x0001_0000;

/** Longest message that a guest takes, and that Linux sends. */
export const MEMORY_MESSAGE_BYTES = 4096;

/** What every message begins with. */
export const MemoryHeader = struct('dm_header', 8, {
  type: u16,
  /** Bytes of the whole message. */
  size: u16,
  transaction: u32,
});

/** A guest asks for a version. */
export const MemoryVersion = struct('dm_version_request', 8, { version: u32, isLastAttempt: u32 });

/** The answer to a version or to capabilities; bit 0: accepted. */
export const MemoryAccepted = struct('dm_version_response', 8, { accepted: u64 });

/** What a guest can do. */
export const MemoryCapabilities = struct('dm_capabilities', 24, {
  /** Bit 0 balloon, bit 1 hot add, bits 2 to 5: log2 of the alignment of hot add in MiB. */
  flags: u64,
  minimumPages: u64,
  highestPage: u64,
});

/** Bits of {@link MemoryCapabilities}.flags. */
export const MemoryCapability = { Balloon: 1n, HotAdd: 2n } as const;

/** Alignment of hot-added memory that a guest's flags ask for, in bytes. */
export const hotAddAlignment = (flags: bigint): number => 2 ** (20 + Number((flags >> 2n) & 0xfn));

/** How a guest's memory is. */
export const MemoryStatus = struct('dm_status', 40, {
  available: u64,
  /** Pages that its programs were promised, those in the balloon, and what the guest would not give. */
  committed: u64,
  pageFile: u64,
  free: u64,
  pageFileWrites: u32,
  ioDifference: u32,
});
export type MemoryStatus = Infer<typeof MemoryStatus>;

/** The host wants pages. */
export const BalloonRequest = struct('dm_balloon', 8, { pages: u32, _reserved: reserved(4) });

/** A guest gives pages: ranges follow. */
export const BalloonResponse = struct('dm_balloon_response', 8, {
  _reserved: reserved(4),
  /** Bit 0: more messages follow; the others: how many ranges. */
  counts: u32,
});

/** The host gives pages back: ranges follow. */
export const UnballoonRequest = struct('dm_unballoon_request', 8, { morePages: u32, rangeCount: u32 });

/** Most ranges that fit a message. */
export const MOST_RANGES = (MEMORY_MESSAGE_BYTES - MemoryHeader.size - UnballoonRequest.size) / 8;

/**
 * Memory that was not there. A shorter form, which ends before `region`, leaves it to the guest where the region is that
 * may be added to later.
 */
export const HotAddRequest = struct('dm_hot_add', 16, { range: u64, region: u64 });
/** The shorter form. */
export const HotAddRange = struct('dm_hot_add', 8, { range: u64 });

/** How much of it a guest took. */
export const HotAddResponse = struct('dm_hot_add_response', 8, {
  pages: u32,
  /** 1: done, or never to be asked again; 0: not now. */
  result: u32,
});

/** What the host tells: the most pages that the guest will ever have. From {@link MEMORY_VERSION_1} on. */
export const MemoryInformation = struct('dm_info_msg', 24, {
  _reserved: reserved(4),
  /** Bytes from `type` on. */
  size: u32,
  /** 0: most pages. */
  type: u32,
  valueSize: u32,
  value: u64,
});

/** A run of pages. */
export interface PageRange {
  /** Number of the first page. */
  readonly first: number;
  /** Pages of the run. */
  readonly count: number;
}

const PAGE_BITS = 40n;
/** The most pages that a range can have. */
export const MOST_RANGE_PAGES = 2 ** 24 - 1;

/** A range as a word: page number in bits 0 to 39, count in bits 40 to 63. */
export const encodePageRange = ({ first, count }: PageRange): bigint => BigInt(first) | (BigInt(count) << PAGE_BITS);

/** The range in a word. */
export const decodePageRange = (word: bigint): PageRange => ({
  first: Number(word & ((1n << PAGE_BITS) - 1n)),
  count: Number(word >> PAGE_BITS),
});

/** The ranges of a message behind its header and a body of 8 bytes; `undefined` when they are not all there. */
export function pageRangesOf(message: Uint8Array, count: number): PageRange[] | undefined {
  const at = MemoryHeader.size + BalloonResponse.size;
  if (count > MOST_RANGES || at + 8 * count > message.length) return undefined;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  return Array.from({ length: count }, (_, i) => decodePageRange(view.getBigUint64(at + 8 * i, true)));
}

/** A whole message: header, body, ranges. */
export function encodeMemoryMessage(
  type: number,
  transaction: number,
  body: Uint8Array = new Uint8Array(0),
  ranges: readonly PageRange[] = [],
): Uint8Array {
  const message = new Uint8Array(MemoryHeader.size + body.length + 8 * ranges.length);
  const view = new DataView(message.buffer);
  MemoryHeader.write(view, 0, { type, size: message.length, transaction });
  message.set(body, MemoryHeader.size);
  for (const [i, range] of ranges.entries()) {
    view.setBigUint64(MemoryHeader.size + body.length + 8 * i, encodePageRange(range), true);
  }
  return message;
}
