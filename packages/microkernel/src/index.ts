/**
 * Ring -1: partitions, second-level translation, virtual processors, SynIC, hypercalls. No I/O and no third-party code.
 *
 * @packageDocumentation
 */
export type { Clock } from './clock.ts';
export { HvStatus } from './status.ts';
export { PAGE_SHIFT, PAGE_SIZE, MemoryNode } from './memory/node.ts';
export type { CopyWithinNode, NodeDescriptor } from './memory/node.ts';
export { Access, Slat } from './memory/slat.ts';
export { GuestMemory } from './memory/guest-memory.ts';
export type { Exit, Processor } from './processor.ts';
