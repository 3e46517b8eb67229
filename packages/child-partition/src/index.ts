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
export { IdeController, StorageController } from './vscs/storage/storage-controller.ts';
export type { StorageChange } from './vscs/storage/storage-controller.ts';
export { BlockDevice } from './vscs/storage/block-device.ts';
export type { UnitDescription } from './vscs/storage/block-device.ts';
export { BlockOperation } from './vscs/storage/block-requests.ts';
export type { BlockDone } from './vscs/storage/block-requests.ts';
export { BlockStatus, StorageError } from './vscs/storage/storage-error.ts';
export type { StorageGuest } from './vscs/storage/storage-guest.ts';
export type { UnitAddress } from './vscs/storage/slot.ts';
export { NetworkAdapter } from './vscs/network/network-adapter.ts';
export { NetworkError } from './vscs/network/network-error.ts';
export type { NetworkGuest } from './vscs/network/network-guest.ts';
export type { FrameHandler, FrameInfo } from './vscs/network/receiver.ts';
export type { KeyValueStore } from './vscs/integration/key-value-store.ts';
export { DeviceError } from './vscs/device-failure.ts';
export type { DeviceFailure } from './vscs/device-failure.ts';
export { Keyboard } from './vscs/keyboard/keyboard.ts';
export type { KeyChange } from './vscs/keyboard/keyboard.ts';
export { Mouse } from './vscs/mouse/mouse.ts';
export type { MouseState } from './vscs/mouse/mouse.ts';
export { Canvas } from './vscs/video/canvas.ts';
export { Screen } from './vscs/video/screen.ts';
export type { ScreenGuest } from './vscs/video/screen.ts';
