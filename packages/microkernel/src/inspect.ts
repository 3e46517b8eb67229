/** What {@link Microkernel.inspect} shows: plain data, no side effects. */
import type { Core } from './core.ts';
import { PartitionState } from './partition/partitions.ts';
import { Header, NodeWord, PartitionWord, VpWord } from './state/layout.ts';
import { VpSynic } from './synic/index.ts';

const STATES: readonly string[] = Object.entries(PartitionState).reduce<string[]>((names, [name, number]) => {
  names[number] = name.toLowerCase();
  return names;
}, []);

/** The whole microkernel as one tree. */
export function inspectMicrokernel(core: Core): Record<string, unknown> {
  const { words, state } = core;
  return {
    limits: { ...state.limits },
    partitionsInUse: words[Header.PartitionsInUse],
    vpsInUse: words[Header.VpsInUse],
    nodes: Object.fromEntries(
      core.nodes.ids().map((id) => {
        const record = state.node(id);
        return [id, { pages: words[record + NodeWord.Pages], free: words[record + NodeWord.Free] }];
      }),
    ),
    partitions: Object.fromEntries(core.partitions.ids().map((id) => [id, inspectPartition(core, id)])),
  };
}

function inspectPartition(core: Core, id: number): Record<string, unknown> {
  const slot = core.partitions.slot(id);
  if (slot < 0) return {};
  const { words, state } = core;
  const record = state.partition(slot);
  const vps: Record<number, unknown> = {};
  for (let index = 0; index < state.vpLimit(slot); index++) {
    const vpSlot = core.vpSlot(id, index);
    if (vpSlot >= 0) vps[index] = inspectVp(core, id, index, vpSlot);
  }
  return {
    state: STATES[words[record + PartitionWord.State]!],
    parent: words[record + PartitionWord.Parent],
    node: words[record + PartitionWord.Node],
    gpaPages: words[record + PartitionWord.GpaPages],
    privileges: `0x${state.quad(record + PartitionWord.Privileges).toString(16)}`,
    guestOsId: `0x${state.quad(record + PartitionWord.GuestOsId).toString(16)}`,
    referenceTime: core.referenceTime(record),
    cpu: {
      weight: words[record + PartitionWord.CpuWeight],
      cap: words[record + PartitionWord.CpuCap],
      reserve: words[record + PartitionWord.CpuReserve],
    },
    hypercalls: words[record + PartitionWord.Hypercalls],
    refusedHypercalls: words[record + PartitionWord.RefusedHypercalls],
    msrFaults: words[record + PartitionWord.Faults],
    crashes: words[record + PartitionWord.Crashes],
    resets: words[record + PartitionWord.Resets],
    vps,
    ...core.ports.inspect(id),
  };
}

function inspectVp(core: Core, partition: number, index: number, vpSlot: number): Record<string, unknown> {
  const { words, state } = core;
  const record = state.vp(vpSlot);
  const pending: number[] = [];
  for (let vector = 0; vector < 256; vector++) {
    if ((Atomics.load(words, record + VpWord.Pending + (vector >>> 5)) & (1 << (vector & 31))) !== 0)
      pending.push(vector);
  }
  return {
    started: words[record + VpWord.Started] !== 0,
    runTime: Number(state.quad(record + VpWord.RunTime)),
    interrupts: words[record + VpWord.Interrupts]! >>> 0,
    spinWaits: words[record + VpWord.SpinWaits],
    doorbell: words[record + VpWord.Doorbell]! >>> 0,
    sleeping: Atomics.load(words, record + VpWord.Sleeping) !== 0,
    pending,
    ...apicOf(core, partition, index),
    synic: new VpSynic(core, partition, index, state.synicVp(vpSlot)).inspect(),
  };
}

/** Of a VP that has an APIC, and whose partition's memory this thread can reach. */
function apicOf(core: Core, partition: number, index: number): Record<string, unknown> {
  const apic = core.context(partition, index)?.apic;
  return apic?.present === true ? { apic: apic.inspect() } : {};
}
