/**
 * The root partition: VSPs, their backends, and the device host of a machine.
 *
 * @packageDocumentation
 */
export { DiskOperation, DiskStatus } from './backends/disk/disk.ts';
export type { Disk, DiskRequest } from './backends/disk/disk.ts';
export { openDisk } from './backends/disk/open-disk.ts';
export type { DiskFormat, OpenDiskOptions } from './backends/disk/open-disk.ts';
export { createDisk } from './backends/disk/create-disk.ts';
export type { CreateDiskOptions } from './backends/disk/create-disk.ts';
export { DeviceHost } from './machine/device-host.ts';
export type {
  DeviceHostDescription,
  DeviceHostEvent,
  DeviceHostOptions,
  DeviceHostRequests,
  LoadedDevice,
} from './machine/device-host.ts';
export type { DiskDescription } from './machine/machine-disks.ts';
export { StorageVsp } from './vsps/storage/storage-vsp.ts';
export type { StorageLun, StorageOptions } from './vsps/storage/storage-options.ts';
