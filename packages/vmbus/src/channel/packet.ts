/**
 * A packet as its receiver sees it: a cursor over ring memory, not an object of its own.
 *
 * The descriptor was copied out of the ring once and checked; the fields below are that private copy. The payload is
 * still in memory that the peer can write: read each field once into a local, then check the local. The cursor is valid
 * only until the handler it was passed to returns, or asks for the next packet.
 */

/** Ring packet types (VMPACKET types of the ring format). A peer may write any other number. */
export const PacketType = {
  InBand: 0x6,
  TransferPages: 0x7,
  GpaDirect: 0x9,
  Completion: 0xb,
} as const;

/** Bit 0 of a descriptor's flags: the sender waits for a completion packet with the same transaction id. */
export const COMPLETION_REQUESTED = 1;

/** One received packet. */
export interface Packet {
  /** One of {@link PacketType}. */
  readonly type: number;
  /** Whether the sender waits for a completion. */
  readonly completionRequested: boolean;
  /** Low half of the transaction id: opaque, echoed unchanged. Meaningful when a completion is requested or is this. */
  readonly transactionLow: number;
  /** High half of the transaction id. */
  readonly transactionHigh: number;
  /** Payload bytes, padding to a multiple of eight included. */
  readonly length: number;

  /** Payload byte at offset `at`. Beyond `length` there are zeroes, never memory outside the packet. */
  u8(at: number): number;
  /** Two bytes of the payload, little-endian. Zeroes beyond its end. Reads the ring: a second look may differ. */
  u16(at: number): number;
  /** Four bytes of the payload, little-endian. Zeroes beyond its end. Reads the ring: a second look may differ. */
  u32(at: number): number;
  /** Copies `target.length` payload bytes, from payload offset `from` (default 0), into `target`. */
  copyTo(target: Uint8Array, from?: number): void;
  /** A private copy of the payload. Allocates: for control messages and tests. */
  payload(): Uint8Array;
  /**
   * Rewrites the payload word at `at`, a multiple of 4, where the packet lies: for protocols that note in a packet how
   * much of it was consumed, so that whoever reads the ring next carries on there.
   */
  rewrite(at: number, value: number): void;

  /** Ranges of a GPA-direct packet, checked on a private copy; 0 for other types. */
  readonly rangeCount: number;
  /** Byte length of range `range`. */
  rangeLength(range: number): number;
  /** Byte offset of the range's first byte in its first page. */
  rangeOffset(range: number): number;
  /** Guest page number of page `page` of range `range`. */
  rangePage(range: number, page: number): number;
  /** Transfer page set id of a transfer-pages packet; its ranges have `rangeOffset` in the set, and no pages. */
  readonly transferSet: number;
}
