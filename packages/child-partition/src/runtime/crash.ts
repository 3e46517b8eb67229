/**
 * A guest's last words: the crash registers (TLFS, "Guest Crash Enlightenment"), as Linux writes them.
 *
 *     P0 error code   P1 guest OS id   P2 0   P3 address of the text   P4 bytes of it   then CTL: notify, with a message
 */
import { type GuestMemory, PAGE_SIZE } from '@ringlet/microkernel';
import { GUEST_OS_ID, GuestMsr } from './registers.ts';
import { encodeUtf8 } from './utf8.ts';

const NOTIFY = 1n << 63n;
const NOTIFY_MESSAGE = 1n << 62n;

/** What the report says in P0: this runtime has one kind of crash. */
const CRASH_CODE = 1n;

/** What was thrown, as text: with its stack where it has one. */
export function describeError(error: unknown): string {
  if (error instanceof Error) return error.stack ?? `${error.name}: ${error.message}`;
  return String(error);
}

/** Reports a crash to the hypervisor. Does not return a failure: there is nobody left to tell. */
export function reportCrash(
  vp: { readonly memory: GuestMemory; writeMsr(index: number, value: bigint): unknown },
  crashPageGpa: number,
  message: string,
): void {
  const text = encodeUtf8(message).subarray(0, PAGE_SIZE);
  vp.memory.write(crashPageGpa, text);
  const parameters = [CRASH_CODE, GUEST_OS_ID, 0n, BigInt(crashPageGpa), BigInt(text.length)];
  parameters.forEach((value, i) => vp.writeMsr(GuestMsr.CrashP0 + i, value));
  vp.writeMsr(GuestMsr.CrashControl, NOTIFY | NOTIFY_MESSAGE);
}
