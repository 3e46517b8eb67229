/** A TypeScript guest in a lockstep run: its processors answer interrupts, some at a time. */
import { GuestKernel, type GuestModule, ParavirtualProcessor } from '@ringlet/child-partition';
import { PAGE_SIZE } from '@ringlet/microkernel';
import type { MachineParts, TypeScriptGuestParts } from '../machine/parts.ts';
import type { System } from '../machine/system.ts';
import { type LockstepGuest, type LockstepWorld, type Participant, TICKS_PER_TURN } from './participant.ts';

/** Interrupts that a virtual processor takes in a turn, at most. */
const PROCESSOR_BUDGET = 64;

/**
 * Creates the guest's partition and its processors.
 *
 * @param load - an instance of its own of the guest's module, for each time that it is started
 */
export async function prepareTypeScriptGuest(
  system: System,
  parts: MachineParts,
  { args }: TypeScriptGuestParts,
  load: () => Promise<GuestModule>,
  world: LockstepWorld,
): Promise<LockstepGuest> {
  const { memoryBytes, cpus } = parts;
  const pages = Math.ceil(memoryBytes / PAGE_SIZE);
  const node = system.createNode(pages);
  const ram = [{ start: 0, bytes: pages * PAGE_SIZE }];
  const layout = { gpaPages: pages, ram };
  const partition = system.createPartition(node, layout, parts);
  const vps = Array.from({ length: cpus }, (_, index) => system.kernel.vp(partition, index));
  const makeProcessors = (module: GuestModule): ParavirtualProcessor[] =>
    vps.map((vp) => new ParavirtualProcessor(new GuestKernel({ vp, memoryBytes, vpCount: cpus, args }), module));
  let processors = makeProcessors(await load());
  const ended = new Set<ParavirtualProcessor>();
  const participants = vps.map((vp, index): Participant => {
    return {
      where: () => `processor ${index}`,
      run() {
        const processor = processors[index]!;
        if (ended.has(processor)) return 0;
        const pending = vp.interruptPending || processor.pending;
        const exit = processor.run(PROCESSOR_BUDGET);
        if (exit.reason !== 'halt' && exit.reason !== 'budget') {
          ended.add(processor);
          world.ended(exit);
        }
        return pending || exit.reason !== 'halt' ? TICKS_PER_TURN : 0;
      },
    };
  });
  const dispose = (): void => {
    system.deletePartition(partition);
    system.releaseNode(node);
  };
  const restart = async (): Promise<void> => {
    system.resetPartition(partition, node, layout, parts);
    ended.clear();
    processors = makeProcessors(await load());
  };
  // Such a guest has no console input.
  return { node, partition, participants, vps, restart, write() {}, dispose };
}
