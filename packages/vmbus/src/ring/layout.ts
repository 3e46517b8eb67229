/**
 * Ring layout: what the two ends of one direction of a channel share, byte for byte as Hyper-V lays it out.
 *
 *   page 0 (header)                        pages 1…n (data, one circular buffer of n × 4096 bytes)
 *   ┌──────────────────┐ word              ┌─────────────┬──────────────────┬────────┬─────────────
 *   │ write index      │  0   producer     │ descriptor  │ payload, padded  │ footer │ descriptor …
 *   │ read index       │  1   consumer     │ 16 B or     │ to 8 B           │ 8 B    │
 *   │ interrupt mask   │  2   consumer     │ more        │                  │        │
 *   │ pending send size│  3   producer     └─────────────┴──────────────────┴────────┴─────────────
 *   │ reserved         │  4…                     every packet starts at a multiple of 8, and may wrap
 *   │ feature bits     │ 16   producer           at any multiple of 8
 *   │ reserved         │ 17…
 *   └──────────────────┘
 *
 * Indices are byte offsets into the data, multiples of eight. Equal indices mean empty, so a ring is never filled
 * completely: eight bytes always stay free.
 *
 *   descriptor                             GPA-direct adds               transfer pages add
 *   ┌────────┬────────┬────────┬────────┐  ┌────────────┬────────────┐   ┌────────┬────────┬────────────┐
 *   │type 16 │offset8 │length8 │flags 16│  │reserved 32 │ranges 32   │   │set 16  │rsvd 16 │ranges 32   │
 *   ├────────┴────────┴────────┴────────┤  ├────────────┼────────────┤   ├────────┴────────┼────────────┤
 *   │transaction id 64                  │  │length 32   │offset 32   │   │length 32        │offset 32   │
 *   └───────────────────────────────────┘  │page number 64, …, per    │   │ … per range                  │
 *                                          │range                     │   └──────────────────────────────┘
 *   footer: reserved 32, start of packet 32└──────────────────────────┘
 *
 * `offset8` (of the payload) and `length8` count eight-byte units from the descriptor and leave the footer out. This
 * is the format of Linux's `struct hv_ring_buffer` and `struct vmpacket_descriptor`.
 */

/** Words of the header page. */
export const Control = {
  WriteIndex: 0,
  ReadIndex: 1,
  InterruptMask: 2,
  PendingSendSize: 3,
  FeatureBits: 16,
} as const;

/** Feature bit 0: this producer uses the pending send size and wants a signal when that much is free. */
export const FEATURE_PENDING_SEND_SIZE = 1;

/** Bytes of the descriptor that every packet has. */
export const DESCRIPTOR_BYTES = 16;

/** Bytes of the type-specific header that GPA-direct and transfer-page packets add before their ranges. */
export const RANGE_HEADER_BYTES = 8;

/** Bytes after each packet: a zero word and the ring offset where the packet began. No reader relies on it. */
export const FOOTER_BYTES = 8;

/** Most bytes a packet can take, footer included: its length is a 16-bit count of eight-byte units. */
export const LONGEST_PACKET_BYTES = 0xffff * 8 + FOOTER_BYTES;

/** How a peer broke a ring. Whoever sees one closes the channel; nothing is thrown. */
export type RingFault =
  /** Pages of the ring are not in the partition's memory, not writable, or too few. */
  | 'ring-unmapped'
  /** The write index is outside the ring or not a multiple of eight. */
  | 'write-index-invalid'
  /** The read index is outside the ring or not a multiple of eight. */
  | 'read-index-invalid'
  /** A descriptor's lengths contradict each other or what was published. */
  | 'descriptor-invalid'
  /** A descriptor has flags that no specification defines. */
  | 'flags-unknown'
  /** A packet type that no peer may send. */
  | 'type-unknown'
  /** GPA-direct or transfer-page ranges that do not fit their header, or are empty. */
  | 'ranges-invalid'
  /** The interrupt mask, which only its consumer writes, was set by someone else. */
  | 'externally-masked';

/** Rounds up to a multiple of eight. */
export const align8 = (bytes: number): number => (bytes + 7) & ~7;

/** Ring bytes that a packet takes: descriptor, type-specific header, padded payload and footer. */
export const packetBytes = (headerBytes: number, payloadBytes: number): number =>
  DESCRIPTOR_BYTES + headerBytes + align8(payloadBytes) + FOOTER_BYTES;
