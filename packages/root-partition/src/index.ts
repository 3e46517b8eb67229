/**
 * The root partition: virtualization service providers, their backends, and the host of a machine's devices.
 *
 * @packageDocumentation
 */
export { StorageVsp } from './vsps/storage/storage-vsp.ts';
export type { StorageState } from './vsps/storage/storage-vsp.ts';
export type { IdePlace, StorageLun, StorageOptions } from './vsps/storage/storage-options.ts';
export type { LunAddress } from './vsps/storage/lun-queue.ts';
export { default as Heartbeat } from './vsps/integration/heartbeat.ts';
export type { HeartbeatState } from './vsps/integration/heartbeat.ts';
export { default as KeyValueExchange } from './vsps/integration/key-value-exchange.ts';
export type { KvpDone, KvpResult } from './vsps/integration/key-value-exchange.ts';
export { default as Shutdown } from './vsps/integration/shutdown.ts';
export type { ShutdownOptions, ShutdownResult } from './vsps/integration/shutdown.ts';
export { default as TimeSync } from './vsps/integration/time-sync.ts';
export type { TimeSyncOptions } from './vsps/integration/time-sync.ts';
