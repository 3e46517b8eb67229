/**
 * Partition properties (TLFS, HV_PARTITION_PROPERTY_CODE): one row each. A property without `set` is read-only.
 */
import type { Core } from '../core.ts';
import { PartitionWord } from '../state/layout.ts';
import { HvStatus } from '../status.ts';
import { PartitionState } from './partitions.ts';

/** Codes of the properties that exist. */
export const PartitionProperty = {
  PrivilegeFlags: 0x00010000,
  /** Share of each logical processor that its VPs are sure of, in 1/100000. */
  CpuReserve: 0x00020001,
  /** Share of a logical processor that each of its VPs may use at most, in 1/100000; 0 = no cap. */
  CpuCap: 0x00020002,
  /** Relative share among VPs that want to run: 1 … 10000. */
  CpuWeight: 0x00020003,
  /** Units of 100 ns since the partition was created. */
  ReferenceTime: 0x00030005,
} as const;

/** The whole of a logical processor, as CpuReserve and CpuCap count. */
export const WHOLE_PROCESSOR = 100_000;

interface Property {
  readonly name: string;
  get(core: Core, record: number): bigint;
  set?(core: Core, record: number, value: bigint): HvStatus;
}

/** Rows by code. */
export const partitionProperties: ReadonlyMap<number, Property> = new Map<number, Property>([
  [
    PartitionProperty.PrivilegeFlags,
    {
      name: 'HvPartitionPropertyPrivilegeFlags',
      get: (core, record) => core.state.quad(record + PartitionWord.Privileges),
      set(core, record, value) {
        // A guest reads its privileges once, at boot: they are settled before it can.
        if (core.words[record + PartitionWord.State] !== PartitionState.Created) return HvStatus.InvalidPartitionState;
        core.state.setQuad(record + PartitionWord.Privileges, value);
        return HvStatus.Success;
      },
    },
  ],
  [PartitionProperty.CpuReserve, share('HvPartitionPropertyCpuReserve', PartitionWord.CpuReserve, 0, WHOLE_PROCESSOR)],
  [PartitionProperty.CpuCap, share('HvPartitionPropertyCpuCap', PartitionWord.CpuCap, 0, WHOLE_PROCESSOR)],
  [PartitionProperty.CpuWeight, share('HvPartitionPropertyCpuWeight', PartitionWord.CpuWeight, 1, 10_000)],
  [
    PartitionProperty.ReferenceTime,
    {
      name: 'HvPartitionPropertyReferenceTime',
      get: (core, record) => BigInt(core.referenceTime(record)),
    },
  ],
]);

/** A property that is one word of the partition's record, within bounds. */
function share(name: string, word: number, least: number, most: number): Property {
  return {
    name,
    get: (core, record) => BigInt(Atomics.load(core.words, record + word)),
    set(core, record, value) {
      if (value < BigInt(least) || value > BigInt(most)) return HvStatus.PropertyValueOutOfRange;
      Atomics.store(core.words, record + word, Number(value));
      return HvStatus.Success;
    },
  };
}
