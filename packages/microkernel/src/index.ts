/**
 * Ring -1: partitions, second-level translation, virtual processors, SynIC, hypercalls. No I/O and no third-party code.
 *
 * The interface is that of x86-64 (TLFS 6.0). Not offered, and therefore not announced: parameters in XMM registers,
 * virtual trust levels above 0, monitored notifications by the hypervisor, nested virtualization, memory pools. arm64 is
 * not offered either; there, monitor pages would have to go too, as atomic instructions on them cannot be emulated.
 * Announcing VMBus to an operating system (an ACPI device, or a device-tree node) is the work of whoever boots one. A
 * signal or message to a connection that nobody made is always answered with InvalidConnectionId, never dropped.
 *
 * @packageDocumentation
 */
export type { ApicMode } from './apic/reset.ts';
export type { Startup, StartupState } from './apic/startup.ts';
export type { Clock } from './clock.ts';
export type { CrashReport, Outside } from './core.ts';
export { PHYSICAL_ADDRESS_BITS } from './cpuid/address-size.ts';
export { featureBits, PLATFORM_FEATURES, X86_64_V1, X86_64_V2 } from './cpuid/features.ts';
export type { CpuFeature } from './cpuid/features.ts';
export { CpuidModel } from './cpuid/model.ts';
export type { CpuidOptions, CpuidVp } from './cpuid/model.ts';
export { controlWord, Register } from './hypercall/control.ts';
export { HvStatus } from './status.ts';
export { Microkernel } from './microkernel.ts';
export type { MicrokernelOptions } from './microkernel.ts';
export { APIC_FREQUENCY, TSC_FREQUENCY } from './msr/frequencies.ts';
export { GP } from './msr/table.ts';
export { HYPERCALL_NAMES, MSR_NAMES } from './names.ts';
export { ROOT_PARTITION } from './partition/partitions.ts';
export type { PartitionConfig } from './partition/partitions.ts';
export { CHILD_PRIVILEGES, Privilege, privilegeMask, ROOT_PRIVILEGES } from './partition/privileges.ts';
export { PartitionProperty } from './partition/properties.ts';
export { WINDOW as RUN_TIME_WINDOW } from './scheduler/run-time.ts';
export { DEFAULT_SHARE, Scheduler } from './scheduler/scheduler.ts';
export type { Decision, Share } from './scheduler/scheduler.ts';
export type { MicrokernelLimits } from './state/layout.ts';
export type { PortInfo } from './synic/index.ts';
export type { VpOptions } from './vp/virtual-processors.ts';
export { Vp } from './vp/vp.ts';
export type { Doorbell } from './vp/vp.ts';
export { PAGE_SHIFT, PAGE_SIZE, MemoryNode } from './memory/node.ts';
export type { CopyWithinNode, NodeDescriptor } from './memory/node.ts';
export { Access, Slat } from './memory/slat.ts';
export type { WithdrawnRun } from './memory/withdrawal.ts';
export { GuestMemory } from './memory/guest-memory.ts';
export { HypercallTrace, MessageTrace, MsrTrace } from './trace/trace-records.ts';
export {
  createTraceRing,
  switchTraceRing,
  TRACE_HEADER_BYTES,
  TraceKind,
  TraceReader,
  TraceSender,
  TraceWriter,
} from './trace/trace-ring.ts';
export { hypercallLayouts, msrNames } from './trace/trace-layouts.ts';
export type { MemoryUses } from './memory/memory-uses.ts';
export type { Exit, Processor } from './processor.ts';
