/**
 * The root partition: virtualization service providers, their backends, and the host of a machine's devices.
 *
 * @packageDocumentation
 */
export { StorageVsp } from './vsps/storage/storage-vsp.ts';
export type { StorageState } from './vsps/storage/storage-vsp.ts';
export type { IdePlace, StorageLun, StorageOptions } from './vsps/storage/storage-options.ts';
export type { LunAddress } from './vsps/storage/lun-queue.ts';
