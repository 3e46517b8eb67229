/** What {@link Microkernel.inspect} shows: plain data, no side effects. */
import type { Core } from './core.ts';
import { Access } from './memory/slat.ts';
import { PartitionState } from './partition/partitions.ts';
import { Header, NodeWord, PartitionWord, VpWord } from './state/layout.ts';
import { VpSynic } from './synic/index.ts';
import { inspectIntercepts } from './vp/intercepts.ts';

const STATES: readonly string[] = Object.entries(PartitionState).reduce<string[]>((names, [name, number]) => {
  names[number] = name.toLowerCase();
  return names;
}, []);

/** The whole microkernel as one tree. */
export function inspectMicrokernel(core: Core): Record<string, unknown> {
  const partitions = core.partitions.ids().map((id) => [id, inspectPartition(core, id)]);
  return { ...inspectTables(core), partitions: Object.fromEntries(partitions) };
}

/** What there is of everything, without what is in it. */
export function inspectTables(core: Core): Record<string, unknown> {
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
  };
}

/** One partition as a tree; empty when it does not exist. */
export function inspectPartition(core: Core, id: number): Record<string, unknown> {
  const slot = core.partitions.slot(id);
  if (slot < 0) return {};
  const { words, state } = core;
  const record = state.partition(slot);
  const vps: Record<number, unknown> = {};
  for (let index = 0; index < state.vpLimit(slot); index++) {
    if (core.vpSlot(id, index) >= 0) vps[index] = inspectVp(core, id, index);
  }
  return {
    state: STATES[words[record + PartitionWord.State]!],
    parent: words[record + PartitionWord.Parent],
    node: words[record + PartitionWord.Node],
    gpaPages: words[record + PartitionWord.GpaPages],
    memory: inspectMemory(core, id, record),
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

/** Pages: those of the node, what nobody has of them, and those mapped for the guest, with the rights that it has. */
function inspectMemory(core: Core, id: number, record: number): Record<string, unknown> {
  const { words, state } = core;
  const node = state.node(words[record + PartitionWord.Node]!);
  const rights: Record<string, number> = {};
  const slat = core.slat(id);
  let mappedPages = 0;
  for (let page = 0; page < (slat?.pageCount ?? 0); page++) {
    const entry = slat!.entry(page);
    if (entry === 0) continue;
    mappedPages++;
    const named = RIGHTS[entry & Access.All]!;
    rights[named] = (rights[named] ?? 0) + 1;
  }
  return {
    nodePages: words[node + NodeWord.Pages],
    freePages: words[node + NodeWord.Free],
    ...(slat && { mappedPages, rights }),
  };
}

/** Names of the combinations of {@link Access}. */
const RIGHTS = ['none', 'r', 'w', 'rw', 'x', 'rx', 'wx', 'rwx'];

/** One virtual processor as a tree; empty when it does not exist. */
export function inspectVp(core: Core, partition: number, index: number): Record<string, unknown> {
  const vpSlot = core.vpSlot(partition, index);
  if (vpSlot < 0) return {};
  const { words, state } = core;
  const record = state.vp(vpSlot);
  const pending: number[] = [];
  for (let vector = 0; vector < 256; vector++) {
    if ((Atomics.load(words, record + VpWord.Pending + (vector >>> 5)) & (1 << (vector & 31))) !== 0)
      pending.push(vector);
  }
  const started = words[record + VpWord.Started] !== 0;
  const sleeping = Atomics.load(words, record + VpWord.Sleeping) !== 0;
  return {
    state: started ? (sleeping ? 'idle' : 'running') : 'not started',
    started,
    runTime: Number(state.quad(record + VpWord.RunTime)),
    interrupts: words[record + VpWord.Interrupts]! >>> 0,
    spinWaits: words[record + VpWord.SpinWaits],
    doorbell: words[record + VpWord.Doorbell]! >>> 0,
    sleeping,
    pending,
    intercepts: inspectIntercepts(core, vpSlot),
    ...apicOf(core, partition, index),
    synic: new VpSynic(core, partition, index, state.synicVp(vpSlot)).inspect(),
  };
}

/** Of a VP that has an APIC, and whose partition's memory this thread can reach. */
function apicOf(core: Core, partition: number, index: number): Record<string, unknown> {
  const apic = core.context(partition, index)?.apic;
  return apic?.present === true ? { apic: apic.inspect() } : {};
}
