/**
 * Ring -1: partitions, second-level translation, virtual processors, SynIC, hypercalls. No I/O and no third-party code.
 *
 * @packageDocumentation
 */
export type { Clock } from './clock.ts';
export type { CrashReport, Outside } from './core.ts';
export { controlWord, Register } from './hypercall/control.ts';
export { HvStatus } from './status.ts';
export { Microkernel } from './microkernel.ts';
export type { MicrokernelOptions } from './microkernel.ts';
export { APIC_FREQUENCY, TSC_FREQUENCY } from './msr/partition-registers.ts';
export { GP } from './msr/table.ts';
export { ROOT_PARTITION } from './partition/partitions.ts';
export type { PartitionConfig } from './partition/partitions.ts';
export { CHILD_PRIVILEGES, Privilege, privilegeMask, ROOT_PRIVILEGES } from './partition/privileges.ts';
export { PartitionProperty } from './partition/properties.ts';
export { WINDOW } from './scheduler/run-time.ts';
export { DEFAULT_SHARE, Scheduler } from './scheduler/scheduler.ts';
export type { Decision, Share } from './scheduler/scheduler.ts';
export type { MicrokernelLimits } from './state/layout.ts';
export type { PortInfo } from './synic/index.ts';
export { Vp } from './vp/vp.ts';
export type { Doorbell } from './vp/vp.ts';
export { PAGE_SHIFT, PAGE_SIZE, MemoryNode } from './memory/node.ts';
export type { CopyWithinNode, NodeDescriptor } from './memory/node.ts';
export { Access, Slat } from './memory/slat.ts';
export { GuestMemory } from './memory/guest-memory.ts';
export type { Exit, Processor } from './processor.ts';
