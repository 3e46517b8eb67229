/** What the microkernel itself writes to a trace: hypercalls, accesses to MSRs, messages that reach a slot. */
import { flags, named, reserved, struct, u16, u32, u64, u8 } from '@ringlet/wire';
import { callCode, FAST, Register, repCount, repStart, variableUnits } from '../hypercall/control.ts';
import { HvStatus } from '../status.ts';
import type { VpContext } from '../vp/context.ts';
import { type TraceWriter, TraceKind, TraceSender } from './trace-ring.ts';

/** The root partition's id. */
const ROOT = 1;
const VALUE_HIGH_SHIFT = 32n;

/** A hypercall and its result; the input follows as far as it was read, then the output. */
export const HypercallTrace = struct('HYPERCALL', 24, {
  code: u16,
  /** 1: input in registers. */
  fast: u8,
  _reserved: reserved(1),
  repCount: u16,
  repStart: u16,
  status: named(u16, HvStatus),
  repsDone: u16,
  inputBytes: u32,
  outputBytes: u32,
  variableBytes: u32,
});

/** An access to an MSR. */
export const MsrTrace = struct('MSR', 16, {
  msr: u32,
  access: named(u8, { RDMSR: 0, WRMSR: 1 }),
  /** 1: the access faulted, with #GP(0). */
  fault: u8,
  _reserved: reserved(2),
  value: u64,
});

/** A message in the slot of a SINT (HV_MESSAGE_HEADER); its payload follows. */
export const MessageTrace = struct('HV_MESSAGE', 24, {
  sint: u32,
  messageType: named(u32, { Vmbus: 1, TimerExpired: 0x8000_0010 }),
  size: u8,
  messageFlags: flags(u8, { MessagePending: 1 }),
  _reserved: reserved(6),
  port: u64,
});

const senderOf = (partition: number): number => (partition === ROOT ? TraceSender.Root : TraceSender.Guest);

/** Writes the hypercall that a VP has just made: its registers still hold what it gave, and what it got. */
export function traceHypercall(trace: TraceWriter, caller: VpContext, began: number): void {
  const { registers, core, partition, index } = caller;
  const { frame } = core;
  const low = registers[Register.RcxLow]!;
  const high = registers[Register.RcxHigh]!;
  const fast = (low & FAST) !== 0;
  const input = fast ? 16 : frame.inputUsed;
  const output = fast ? 0 : frame.outputUsed;
  const length = HypercallTrace.size + input + output;
  const kept = trace.keptOfPacket(length);
  trace.at(began);
  const at = trace.open(TraceKind.Hypercall, senderOf(partition), index, partition, 0, 0, length, kept);
  if (at < 0) return;
  const { words, bytes } = trace;
  words[at] = callCode(low) | (fast ? 1 << 16 : 0);
  words[at + 1] = repCount(high) | (repStart(high) << 16);
  words[at + 2] = (registers[Register.RaxLow]! & 0xffff) | ((registers[Register.RaxHigh]! & 0xfff) << 16);
  words[at + 3] = input;
  words[at + 4] = output;
  words[at + 5] = variableUnits(low) * 8;
  if (fast) {
    for (let i = 0; i < 4; i++) words[at + 6 + i] = registers[Register.RdxLow + i]!;
  } else {
    const start = (at + 6) * 4;
    const end = at * 4 + kept;
    for (let i = 0; i < input && start + i < end; i++) bytes[start + i] = frame.inputBytes[i]!;
    for (let i = 0; i < output && start + input + i < end; i++) bytes[start + input + i] = frame.outputBytes[i]!;
  }
  trace.close();
}

/**
 * Writes an HvCallPostMessage or HvCallSignalEvent that was made by a function of the microkernel instead of by a trap.
 *
 * @param second - the message's type, or the event's flag
 */
export function traceRootCall(
  trace: TraceWriter,
  partition: number,
  code: number,
  status: HvStatus,
  connection: number,
  second: number,
  payload: Uint8Array | undefined,
  began: number,
): void {
  const input = payload === undefined ? 8 : 16 + payload.length;
  const length = HypercallTrace.size + input;
  trace.at(began);
  const at = trace.open(TraceKind.Hypercall, senderOf(partition), 0, partition, 0, 0, length, length);
  if (at < 0) return;
  const { words, bytes } = trace;
  words[at] = code;
  words[at + 1] = 0;
  words[at + 2] = status;
  words[at + 3] = input;
  words[at + 4] = 0;
  words[at + 5] = 0;
  words[at + 6] = connection;
  if (payload === undefined) {
    words[at + 7] = second;
  } else {
    words[at + 7] = 0;
    words[at + 8] = second;
    words[at + 9] = payload.length;
    bytes.set(payload, (at + 10) * 4);
  }
  trace.close();
}

/** Writes an access to an MSR. */
export function traceMsr(
  trace: TraceWriter,
  { partition, index }: VpContext,
  msr: number,
  access: 0 | 1,
  value: bigint | undefined,
  fault = value === undefined,
): void {
  const { size } = MsrTrace;
  trace.tick();
  const at = trace.open(TraceKind.Msr, senderOf(partition), index, partition, 0, 0, size, size);
  if (at < 0) return;
  const { words } = trace;
  words[at] = msr;
  words[at + 1] = access | (fault ? 1 << 8 : 0);
  words[at + 2] = Number(BigInt.asIntN(32, value ?? 0n));
  words[at + 3] = Number(BigInt.asIntN(32, (value ?? 0n) >> VALUE_HIGH_SHIFT));
  trace.close();
}

/**
 * Writes a message that is about to be visible in a slot of the message page.
 *
 * @param guest - memory that the page lies in, and `slot` the slot's first word there
 */
export function traceMessage(
  trace: TraceWriter,
  partition: number,
  vp: number,
  sint: number,
  type: number,
  guest: Int32Array,
  slot: number,
): void {
  const size = guest[slot + 1]! & 0xff;
  const length = MessageTrace.size + Math.min(size, 240);
  trace.tick();
  // What arrives at the root was sent by a guest, and the other way round; a timer's is the hypervisor's own.
  const sender = partition === ROOT ? TraceSender.Guest : TraceSender.Root;
  const at = trace.open(TraceKind.Message, sender, vp, partition, 0, 0, length, length);
  if (at < 0) return;
  const { words } = trace;
  words[at] = sint;
  words[at + 1] = type;
  words[at + 2] = guest[slot + 1]! & 0xffff;
  words[at + 3] = 0;
  words[at + 4] = guest[slot + 2]!;
  words[at + 5] = guest[slot + 3]!;
  for (let i = 0; i * 4 < length - MessageTrace.size; i++) words[at + 6 + i] = guest[slot + 4 + i]!;
  trace.close();
}
