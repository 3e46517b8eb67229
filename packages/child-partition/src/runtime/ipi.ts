/** Interrupts that a guest's virtual processors send each other, and themselves, by HvCallSendSyntheticClusterIpi. */
import type { HypercallVp } from '@ringlet/vmbus';
import { FAST, SEND_IPI } from './registers.ts';

/** "Look at the forwarded flags." */
export const FORWARD_VECTOR = 0xf4;
/** "You have something to do": sent by a processor to itself, so that it does not sleep. */
export const RESCHEDULE_VECTOR = 0xf5;

/** Raises `vector` at virtual processor `target`, below 64. */
export function sendIpi(vp: HypercallVp, target: number, vector: number): void {
  const { registers } = vp;
  registers[0] = FAST | SEND_IPI;
  registers[1] = 0;
  registers[2] = vector;
  registers[3] = 0;
  registers[4] = target < 32 ? 1 << target : 0;
  registers[5] = target < 32 ? 0 : 1 << (target - 32);
  vp.hypercall();
}
