/** Hypercalls 0x000B, 0x0015, 0x0071 and 0x0094: interrupts sent by call, and debug output. */
import { reserved, struct, u32, u64, u8 } from '@ringlet/wire';
import { Privilege } from '../../partition/privileges.ts';
import { HvStatus } from '../../status.ts';
import { FIRST_VECTOR, LAST_VECTOR } from '../../vp/interrupts.ts';
import type { VpContext } from '../../vp/context.ts';
import { simpleCall, type Hypercall } from '../declare.ts';
import { statusOf, targetChild } from '../target.ts';

const ClusterIpiInput = struct('HV_INPUT_SEND_SYNTHETIC_CLUSTER_IPI', 16, {
  vector: u32,
  vtl: u8,
  _: reserved(3),
  processors: u64,
});
const ClusterIpiExInput = struct('HV_INPUT_SEND_SYNTHETIC_CLUSTER_IPI_EX', 24, {
  vector: u32,
  vtl: u8,
  _: reserved(3),
  format: u64,
  banks: u64,
});
const OutputInput = struct('HV_INPUT_OUTPUT_DEBUG_CHARACTER', 8, { character: u8, _: reserved(7) });
const AssertInput = struct('HV_INPUT_ASSERT_VIRTUAL_INTERRUPT', 32, {
  partition: u64,
  type: u32,
  modes: u32,
  destination: u64,
  vector: u32,
  vtl: u8,
  _: reserved(3),
});

/** HV_GENERIC_SET formats. */
const SetFormat = { Sparse: 0n, All: 1n } as const;
const BANK_BITS = 64;
/** Interrupt types that a vector bitmap can hold. */
const FIXED = 0;
/** Level-triggered and logical-destination bits: neither is offered. */
const UNSUPPORTED_MODES = 0b011;

/** Rows in code order. */
export const interruptCalls: readonly Hypercall[] = [
  simpleCall({
    code: 0x000b,
    name: 'HvCallSendSyntheticClusterIpi',
    input: ClusterIpiInput,
    run(caller, input) {
      if (!isVector(input.vector) || input.vtl !== 0) return HvStatus.InvalidParameter;
      raiseBank(caller, 0, input.processors, input.vector);
      return HvStatus.Success;
    },
  }),
  simpleCall({
    code: 0x0015,
    name: 'HvCallSendSyntheticClusterIpiEx',
    input: ClusterIpiExInput,
    variable: true,
    run(caller, input, frame) {
      if (!isVector(input.vector) || input.vtl !== 0) return HvStatus.InvalidParameter;
      if (input.format === SetFormat.All) {
        for (let bank = 0; bank < BANK_BITS; bank++) raiseBank(caller, bank, -1n, input.vector);
        return HvStatus.Success;
      }
      if (input.format !== SetFormat.Sparse) return HvStatus.InvalidParameter;
      // One mask for each bank that is named, in order, and nothing else.
      let at = ClusterIpiExInput.size;
      const end = at + frame.variableBytes;
      if (countBits(input.banks) * 8 !== frame.variableBytes) return HvStatus.InvalidHypercallInput;
      for (let bank = 0; bank < BANK_BITS && at < end; bank++) {
        if (((input.banks >> BigInt(bank)) & 1n) === 0n) continue;
        raiseBank(caller, bank, frame.input.getBigUint64(at, true), input.vector);
        at += 8;
      }
      return HvStatus.Success;
    },
  }),
  simpleCall({
    code: 0x0071,
    name: 'HvCallOutputDebugCharacter',
    // The code is reserved for this, but no layout is published: one byte is ours. It reaches the caller's own console
    // and nothing else, so it needs no privilege.
    input: OutputInput,
    run(caller, input) {
      const taken = caller.core.outside.output?.(caller.partition, input.character) ?? true;
      return taken ? HvStatus.Success : HvStatus.InsufficientBuffers;
    },
  }),
  simpleCall({
    code: 0x0094,
    name: 'HvCallAssertVirtualInterrupt',
    privilege: Privilege.CreatePartitions,
    input: AssertInput,
    run(caller, input) {
      const id = targetChild(caller, input.partition);
      if (id < 0) return statusOf(id);
      if (input.type !== FIXED || (input.modes & UNSUPPORTED_MODES) !== 0) return HvStatus.InvalidParameter;
      if (!isVector(input.vector) || input.vtl !== 0) return HvStatus.InvalidParameter;
      return caller.core.assertInterrupt(id, Number(input.destination), input.vector);
    },
  }),
];

const isVector = (vector: number): boolean => vector >= FIRST_VECTOR && vector <= LAST_VECTOR;

/** Raises `vector` at the VPs of the caller's partition that a bank of 64 names. Those that do not exist are passed over. */
function raiseBank(caller: VpContext, bank: number, mask: bigint, vector: number): void {
  const { core, partition } = caller;
  const most = Math.min(BANK_BITS, core.state.vpLimit(caller.partitionSlot) - bank * BANK_BITS);
  for (let n = 0; n < most; n++) {
    if (((mask >> BigInt(n)) & 1n) !== 0n) core.raise(partition, bank * BANK_BITS + n, vector);
  }
}

function countBits(mask: bigint): number {
  let bits = 0;
  for (let rest = mask; rest !== 0n; rest &= rest - 1n) bits++;
  return bits;
}
