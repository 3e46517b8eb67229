/**
 * File copy: payloads of the guest service interface (`hv_fcopy_hdr` and what follows it in Linux's
 * `include/uapi/linux/hyperv.h`). Framing is that of `integration.ts`; offsets count from the payload's start.
 *
 *     0            4                    36
 *     ┌────────────┬────────────────────┬──────────────────────────────
 *     │ operation  │ two service GUIDs  │ start: names, flags, size; write: place and bytes
 *     └────────────┴────────────────────┴──────────────────────────────
 */
import { bytes, flags, type Infer, named, reserved, struct, u32, u64, utf16 } from '@ringlet/wire';

/** Operations. */
export const FileCopyOperation = { Start: 0, Write: 1, Complete: 2, Cancel: 3 } as const;
/** Bits of a start's flags. */
export const FileCopyFlag = { Overwrite: 1, CreatePath: 2 } as const;
/** UTF-16 units of a name or path, terminator included. */
export const FILE_NAME_UNITS = 260;
/** Bytes that one write carries. */
export const FILE_PIECE_BYTES = 6144;

/** What every payload begins with; completion and cancellation are no more than this. */
export const FileCopyHeader = struct('hv_fcopy_hdr', 36, {
  operation: named(u32, FileCopyOperation),
  _services: reserved(32),
});

/** A file begins. */
export const FileCopyStart = struct('hv_start_fcopy', 36 + 1052, {
  operation: named(u32, FileCopyOperation),
  _services: reserved(32),
  name: utf16(FILE_NAME_UNITS),
  /** Its directory. */
  path: utf16(FILE_NAME_UNITS),
  flags: flags(u32, FileCopyFlag),
  size: u64,
});
export type FileCopyStart = Infer<typeof FileCopyStart>;

/** Some of its bytes. */
export const FileCopyWrite = struct('hv_do_fcopy', 36 + 16 + FILE_PIECE_BYTES, {
  operation: named(u32, FileCopyOperation),
  _services: reserved(32),
  _padding: reserved(4),
  offset: u64,
  size: u32,
  data: bytes(FILE_PIECE_BYTES),
});
