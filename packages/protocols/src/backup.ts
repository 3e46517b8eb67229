/**
 * Backup: payload of the VSS integration component (`hv_vss_msg` of Linux's `include/uapi/linux/hyperv.h`). Framing is that
 * of `integration.ts`.
 */
import { named, reserved, struct, u32, u8 } from '@ringlet/wire';

/** Operations. The others are acknowledged and do nothing. */
export const BackupOperation = { HotBackup: 2, Freeze: 5, Thaw: 6 } as const;

/** The payload, both ways. */
export const BackupMessage = struct('hv_vss_msg', 12, {
  operation: named(u8, BackupOperation),
  _reserved: reserved(7),
  /** In the answer to HotBackup: bits that say what the guest can do. */
  flags: u32,
});
