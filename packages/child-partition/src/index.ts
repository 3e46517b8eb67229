/**
 * The runtime of TypeScript guests, and the drivers (VSCs) that come with it.
 *
 * @packageDocumentation
 */
export { ParavirtualProcessor } from './paravirtual-processor.ts';
export type {
  Guest,
  GuestModule,
  GuestOpenOptions,
  KeyValues,
  KvpPoolNumber,
  ShutdownRequest,
  Vsc,
  VscClass,
} from './runtime/guest.ts';
export { GuestKernel } from './runtime/guest-kernel.ts';
export type { GuestEnd, GuestKernelOptions, GuestVp } from './runtime/guest-kernel.ts';
export type { PageAllocator } from './runtime/page-allocator.ts';
