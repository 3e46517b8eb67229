/**
 * The framing that synthetic video and mouse share: a pipe header, then a header of their own, then the payload.
 *
 * As in Linux's `hyperv_fb.c`, `hyperv_drm.h` and `hid-hyperv.c` (`pipe_msg_hdr`, `synthvid_msg_hdr`, `synthhid_msg_hdr`):
 *
 *     0          4          8          12         16
 *    ┌──────────┬──────────┬──────────┬──────────┬──────────
 *    │ 1 = data │ bytes    │ type     │ size     │ payload …       bytes: of all that follows the pipe header
 *    └──────────┴──────────┴──────────┴──────────┴──────────
 *
 * What `size` counts differs: the video device counts its own header too, the mouse only the payload. Guests pad packets,
 * and the mouse's driver sends three bytes too many, so a payload ends where the pipe header says.
 */
import { struct, u32 } from '@ringlet/wire';
import { PIPE_DATA } from './integration.ts';

/** What precedes every payload. */
export const SyntheticHeader = struct('pipe_msg_hdr + synthvid_msg_hdr', 16, {
  /** {@link PIPE_DATA}. */
  pipeType: u32,
  /** Bytes after the pipe header. */
  pipeSize: u32,
  type: u32,
  size: u32,
});

const PIPE_BYTES = 8;

/** A message without its headers. */
export interface SyntheticMessage {
  /** Number of the message, the first word of its own header. */
  readonly type: number;
  /** What follows both headers; a copy. */
  readonly payload: Uint8Array;
}

/** One message, whole. `counted` is what its size field counts beside the payload: 8 for video, 0 for the mouse. */
export function encodeSynthetic(type: number, payload: Uint8Array, counted: 0 | 8): Uint8Array {
  const message = new Uint8Array(SyntheticHeader.size + payload.length);
  SyntheticHeader.write(new DataView(message.buffer), 0, {
    pipeType: PIPE_DATA,
    pipeSize: SyntheticHeader.size - PIPE_BYTES + payload.length,
    type,
    size: counted + payload.length,
  });
  message.set(payload, SyntheticHeader.size);
  return message;
}

/**
 * Splits untrusted packet bytes.
 *
 * @returns `undefined` when there is no whole header, or less than it promises; the payload shares memory with `packet`
 */
export function decodeSynthetic(packet: Uint8Array): SyntheticMessage | undefined {
  const header = SyntheticHeader.decode(packet);
  if (header === undefined || header.pipeType !== PIPE_DATA) return undefined;
  const end = PIPE_BYTES + header.pipeSize;
  if (end < SyntheticHeader.size || end > packet.length) return undefined;
  return { type: header.type, payload: packet.subarray(SyntheticHeader.size, end) };
}
