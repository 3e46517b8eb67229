/** A TypeScript guest in a lockstep run: its processors answer interrupts, some at a time. */
import { GuestKernel, type GuestModule, ParavirtualProcessor } from '@ringlet/child-partition';
import { PAGE_SIZE } from '@ringlet/microkernel';
import type { MachineParts, TypeScriptGuestParts } from '../machine/parts.ts';
import type { System } from '../machine/system.ts';
import { type LockstepGuest, type LockstepWorld, type Participant, TICKS_PER_TURN } from './participant.ts';

/** Interrupts that a virtual processor takes in a turn, at most. */
const PROCESSOR_BUDGET = 64;

/** Creates the guest's partition and its processors. */
export function prepareTypeScriptGuest(
  system: System,
  parts: MachineParts,
  { args }: TypeScriptGuestParts,
  module: GuestModule,
  world: LockstepWorld,
): LockstepGuest {
  const { memoryBytes, cpus } = parts;
  const pages = Math.ceil(memoryBytes / PAGE_SIZE);
  const node = system.createNode(pages);
  const ram = [{ start: 0, bytes: pages * PAGE_SIZE }];
  const partition = system.createPartition(node, { gpaPages: pages, ram }, parts);
  const vps = Array.from({ length: cpus }, (_, index) => system.kernel.vp(partition, index));
  const participants = vps.map((vp, index): Participant => {
    const processor = new ParavirtualProcessor(new GuestKernel({ vp, memoryBytes, vpCount: cpus, args }), module);
    let ended = false;
    return {
      where: () => `processor ${index}`,
      run() {
        if (ended) return 0;
        const pending = vp.interruptPending || processor.pending;
        const exit = processor.run(PROCESSOR_BUDGET);
        if (exit.reason !== 'halt' && exit.reason !== 'budget') {
          ended = true;
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
  // Such a guest has no console input.
  return { node, partition, participants, vps, write() {}, dispose };
}
