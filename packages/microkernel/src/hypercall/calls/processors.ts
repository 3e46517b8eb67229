/** Hypercalls on virtual processors: 0x0008, 0x004E-0x0051, 0x0099 (TLFS, "Virtual Processor Management"). */
import { array, reserved, struct, u32, u64, u8 } from '@ringlet/wire';
import { Privilege } from '../../partition/privileges.ts';
import { VpWord } from '../../state/layout.ts';
import { HvStatus } from '../../status.ts';
import { createVp, deleteVp, startVp } from '../../vp/virtual-processors.ts';
import { readRegisterByName, writeRegisterByName } from '../../vp/register-names.ts';
import { repCall, simpleCall, type Hypercall } from '../declare.ts';
import { statusOf, targetChild, targetPartition, targetVp } from '../target.ts';

const SpinWaitInput = struct('HV_INPUT_NOTIFY_LONG_SPIN_WAIT', 8, { spinwaitInfo: u64 });
const CreateVpInput = struct('HV_INPUT_CREATE_VP', 40, {
  partition: u64,
  vp: u32,
  _: reserved(3),
  subnodeType: u8,
  subnode: u64,
  proximity: u64,
  flags: u64,
});
const DeleteVpInput = struct('HV_INPUT_DELETE_VP', 16, { partition: u64, vp: u32, _: reserved(4) });
const RegistersInput = struct('HV_INPUT_VP_REGISTERS', 16, { partition: u64, vp: u32, vtl: u8, _: reserved(3) });
const RegisterValue = struct('HV_REGISTER_VALUE', 16, { low: u64, high: u64 });
const RegisterAssoc = struct('HV_REGISTER_ASSOC', 32, { name: u32, _: reserved(12), low: u64, high: u64 });
const StartVpInput = struct('HV_INPUT_START_VIRTUAL_PROCESSOR', 240, {
  partition: u64,
  vp: u32,
  vtl: u8,
  _: reserved(3),
  rip: u64,
  rest: array(u64, 27),
});

/** Rows in code order. */
export const processorCalls: readonly Hypercall[] = [
  simpleCall({
    code: 0x0008,
    name: 'HvCallNotifyLongSpinWait',
    input: SpinWaitInput,
    run(caller) {
      Atomics.add(caller.core.words, caller.vpRecord + VpWord.SpinWaits, 1);
      return HvStatus.Success;
    },
  }),
  simpleCall({
    code: 0x004e,
    name: 'HvCallCreateVp',
    privilege: Privilege.CreatePartitions,
    input: CreateVpInput,
    run(caller, input) {
      const id = targetChild(caller, input.partition);
      return id < 0 ? statusOf(id) : createVp(caller.core, id, input.vp);
    },
  }),
  simpleCall({
    code: 0x004f,
    name: 'HvCallDeleteVp',
    privilege: Privilege.CreatePartitions,
    input: DeleteVpInput,
    run(caller, input) {
      const id = targetChild(caller, input.partition);
      return id < 0 ? statusOf(id) : deleteVp(caller.core, id, input.vp);
    },
  }),
  repCall({
    code: 0x0050,
    name: 'HvCallGetVpRegisters',
    privilege: Privilege.AccessVpRegisters,
    input: RegistersInput,
    element: u32,
    result: RegisterValue,
    run(caller, input, name) {
      const id = targetPartition(caller, input.partition);
      if (id < 0) return statusOf(id);
      if (input.vtl !== 0) return HvStatus.InvalidParameter;
      const value = readRegisterByName(caller, id, targetVp(caller, id, input.vp), name);
      return typeof value === 'bigint' ? { low: value, high: 0n } : value;
    },
  }),
  repCall({
    code: 0x0051,
    name: 'HvCallSetVpRegisters',
    privilege: Privilege.AccessVpRegisters,
    input: RegistersInput,
    element: RegisterAssoc,
    run(caller, input, { name, low, high }) {
      const id = targetPartition(caller, input.partition);
      if (id < 0) return statusOf(id);
      if (input.vtl !== 0 || high !== 0n) return HvStatus.InvalidParameter;
      return writeRegisterByName(caller, id, targetVp(caller, id, input.vp), name, low);
    },
  }),
  simpleCall({
    code: 0x0099,
    name: 'HvCallStartVirtualProcessor',
    privilege: Privilege.StartVirtualProcessor,
    input: StartVpInput,
    run(caller, input) {
      const id = targetPartition(caller, input.partition);
      if (id < 0) return statusOf(id);
      if (input.vtl !== 0) return HvStatus.InvalidParameter;
      return startVp(caller.core, id, targetVp(caller, id, input.vp), input.rip);
    },
  }),
];
