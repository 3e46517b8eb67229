/** Hypercalls 0x0040-0x004C: partitions and their memory (TLFS, "Partition Management" and "Physical Hardware Management"). */
import { reserved, struct, u32, u64 } from '@ringlet/wire';
import type { Core } from '../../core.ts';
import { mapPages, unmapPages } from '../../memory/mapping.ts';
import { PAGE_SHIFT } from '../../memory/node.ts';
import { Access } from '../../memory/slat.ts';
import { deletePartition, finalizePartition, initializePartition } from '../../partition/lifecycle.ts';
import { CHILD_PRIVILEGES, Privilege } from '../../partition/privileges.ts';
import { partitionProperties } from '../../partition/properties.ts';
import { PartitionWord } from '../../state/layout.ts';
import { HvStatus } from '../../status.ts';
import { queryCall, repCall, simpleCall, type Hypercall } from '../declare.ts';
import { statusOf, targetChild, targetPartition } from '../target.ts';

const PROXIMITY_VALID = 1 << 31;
/** Map flags beyond the access rights: none. User and kernel execute are the same right here. */
const MAP_FLAGS = { Read: 1, Write: 2, KernelExecute: 4, UserExecute: 8 } as const;

const CreatePartitionInput = struct('HV_INPUT_CREATE_PARTITION', 16, {
  flags: u64,
  proximityDomain: u32,
  proximityFlags: u32,
});
const PartitionInput = struct('HV_INPUT_PARTITION', 8, { partition: u64 });
const GetPropertyInput = struct('HV_INPUT_GET_PARTITION_PROPERTY', 16, { partition: u64, code: u32, _: reserved(4) });
const SetPropertyInput = struct('HV_INPUT_SET_PARTITION_PROPERTY', 24, {
  partition: u64,
  code: u32,
  _: reserved(4),
  value: u64,
});
const NextChildInput = struct('HV_INPUT_GET_NEXT_CHILD_PARTITION', 16, { parent: u64, previous: u64 });
const GpaPagesInput = struct('HV_INPUT_MAP_GPA_PAGES', 24, {
  partition: u64,
  guestPage: u64,
  flags: u32,
  _: reserved(4),
});

/** A call that moves a child through its life. */
const lifeCall = (code: number, name: string, step: (core: Core, partition: number) => HvStatus): Hypercall =>
  simpleCall({
    code,
    name,
    privilege: Privilege.CreatePartitions,
    input: PartitionInput,
    run(caller, input) {
      const id = targetChild(caller, input.partition);
      return id < 0 ? statusOf(id) : step(caller.core, id);
    },
  });

/** Rows in code order. */
export const partitionCalls: readonly Hypercall[] = [
  queryCall({
    code: 0x0040,
    name: 'HvCallCreatePartition',
    privilege: Privilege.CreatePartitions,
    input: CreatePartitionInput,
    output: u64,
    run(caller, input) {
      if (input.flags !== 0n) return HvStatus.InvalidParameter;
      const { words } = caller.core;
      const chosen = (input.proximityFlags & PROXIMITY_VALID) !== 0;
      const id = caller.core.partitions.create(
        {
          node: chosen ? input.proximityDomain : words[caller.record + PartitionWord.Node]!,
          gpaPages: words[caller.record + PartitionWord.GpaPages]!,
          privileges: CHILD_PRIVILEGES,
        },
        caller.partition,
        caller.core.clock.now(),
      );
      return id < 0 ? statusOf(id) : BigInt(id);
    },
  }),
  lifeCall(0x0041, 'HvCallInitializePartition', initializePartition),
  lifeCall(0x0042, 'HvCallFinalizePartition', finalizePartition),
  lifeCall(0x0043, 'HvCallDeletePartition', deletePartition),
  queryCall({
    code: 0x0044,
    name: 'HvCallGetPartitionProperty',
    privilege: Privilege.CreatePartitions,
    input: GetPropertyInput,
    output: u64,
    run(caller, input) {
      const id = targetPartition(caller, input.partition);
      if (id < 0) return statusOf(id);
      const property = partitionProperties.get(input.code);
      if (property === undefined) return HvStatus.UnknownProperty;
      return property.get(caller.core, caller.core.state.partition(caller.core.partitions.slot(id)));
    },
  }),
  simpleCall({
    code: 0x0045,
    name: 'HvCallSetPartitionProperty',
    privilege: Privilege.CreatePartitions,
    input: SetPropertyInput,
    run(caller, input) {
      const id = targetChild(caller, input.partition);
      if (id < 0) return statusOf(id);
      const property = partitionProperties.get(input.code);
      if (property === undefined) return HvStatus.UnknownProperty;
      if (property.set === undefined) return HvStatus.OperationDenied;
      return property.set(caller.core, caller.core.state.partition(caller.core.partitions.slot(id)), input.value);
    },
  }),
  queryCall({
    code: 0x0046,
    name: 'HvCallGetPartitionId',
    privilege: Privilege.AccessPartitionId,
    output: u64,
    run: (caller) => BigInt(caller.partition),
  }),
  queryCall({
    code: 0x0047,
    name: 'HvCallGetNextChildPartition',
    privilege: Privilege.AccessPartitionId,
    input: NextChildInput,
    output: u64,
    run(caller, input) {
      const parent = targetPartition(caller, input.parent);
      if (parent < 0) return statusOf(parent);
      if (input.previous > 0x7fff_ffffn) return HvStatus.InvalidPartitionId;
      return BigInt(caller.core.partitions.nextChild(parent, Number(input.previous)));
    },
  }),
  repCall({
    code: 0x004b,
    name: 'HvCallMapGpaPages',
    privilege: Privilege.CreatePartitions,
    input: GpaPagesInput,
    element: u64,
    run(caller, input, sourcePage, index) {
      const id = targetChild(caller, input.partition);
      if (id < 0) return statusOf(id);
      const { core } = caller;
      // The caller names its own guest pages, and can give no more rights to them than it has itself.
      const access = accessOf(input.flags);
      const source = access < 0 ? -1 : (core.slat(caller.partition)?.translate(Number(sourcePage), access) ?? -1);
      if (source < 0) return HvStatus.InvalidParameter;
      const target = core.state.partition(core.partitions.slot(id));
      if (core.words[target + PartitionWord.Node] !== core.words[caller.record + PartitionWord.Node]) {
        return HvStatus.InvalidProximityDomainInfo;
      }
      return mapPages(core, id, Number(input.guestPage) + index, source >>> PAGE_SHIFT, 1, access);
    },
  }),
  repCall({
    code: 0x004c,
    name: 'HvCallUnmapGpaPages',
    privilege: Privilege.CreatePartitions,
    input: GpaPagesInput,
    run(caller, input, _, index) {
      const id = targetChild(caller, input.partition);
      return id < 0 ? statusOf(id) : unmapPages(caller.core, id, Number(input.guestPage) + index, 1);
    },
  }),
];

/** Access rights of HV_MAP_GPA_FLAGS, or -1 for flags that nothing here knows. */
function accessOf(flags: number): number {
  const execute = MAP_FLAGS.KernelExecute | MAP_FLAGS.UserExecute;
  if ((flags & ~(MAP_FLAGS.Read | MAP_FLAGS.Write | execute)) !== 0) return -1;
  if ((flags & execute) !== 0 && (flags & execute) !== execute) return -1;
  return (flags & Access.ReadWrite) | ((flags & execute) !== 0 ? Access.Execute : 0);
}
