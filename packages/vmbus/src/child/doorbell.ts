/**
 * Doorbells towards the root: a hypercall, or a bit of the monitor page for offers that have one.
 *
 *     monitor page, child → root (Linux `struct hv_monitor_page`)
 *     +0  u32 trigger state   +4 reserved   +8 + 8 * group: u32 pending, u32 armed     (4 groups of 32 bits)
 */
import { Access, type GuestMemory } from '@ringlet/microkernel';
import { invariant } from '@ringlet/wire';
import type { Hypercalls } from './hypercalls.ts';
import type { Offer } from './offer.ts';

const TRIGGER_GROUPS = 8;
const GROUP_BYTES = 8;

/** The function that rings for a channel. It allocates nothing when called. */
export function doorbellOf(
  offer: Offer,
  hypercalls: Hypercalls,
  memory: GuestMemory,
  monitorPageGpa: number,
): () => void {
  const { connectionId, monitorId } = offer;
  if (monitorId === undefined) return () => void hypercalls.signalEvent(connectionId);
  const gpa = monitorPageGpa + TRIGGER_GROUPS + GROUP_BYTES * (monitorId >>> 5);
  const at = memory.locate(gpa, 4, Access.ReadWrite);
  invariant(at >= 0, 'the monitor page is mapped');
  const { words } = memory;
  const bit = 1 << (monitorId & 31);
  return () => void Atomics.or(words, at >>> 2, bit);
}
