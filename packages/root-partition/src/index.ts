/**
 * The root partition: VSPs, their backends, and the device host of a machine.
 *
 * @packageDocumentation
 */
export { DiskOperation, DiskStatus } from './backends/disk/disk.ts';
export { FrameFinisher } from './backends/network/finish-frame.ts';
export type { EmitFrame } from './backends/network/finish-frame.ts';
export type { Disk, DiskRequest } from './backends/disk/disk.ts';
export { copyDisk } from './backends/disk/copy-disk.ts';
export type { CopyDiskOptions, SectorRange } from './backends/disk/copy-disk.ts';
export { openDisk } from './backends/disk/open-disk.ts';
export type { DiskFormat, OpenDiskOptions } from './backends/disk/open-disk.ts';
export { createDisk } from './backends/disk/create-disk.ts';
export type { CreateDiskOptions } from './backends/disk/create-disk.ts';
export { CaptureFile } from './backends/network/capture/capture-file.ts';
export type { PacketFacts } from './backends/network/capture/capture-file.ts';
export { LinkType, PcapngDirection } from './backends/network/capture/pcapng.ts';
export { openNetwork } from './backends/network/open-network.ts';
export { LinkState } from './backends/network/link-state.ts';
export { RelayedPort } from './backends/network/relayed-port.ts';
export type { RelayedPortOptions } from './backends/network/relayed-port.ts';
export type { OpenedNetwork } from './backends/network/open-network.ts';
export type {
  ForwardDescription,
  LayerDescription,
  NatDescription,
  NetworkDescription,
  NoNetworkDescription,
  PasstDescription,
  StreamDescription,
  SwitchDescription,
  TapDescription,
} from './backends/network/network-description.ts';
export type { FaultDescription } from './backends/network/layers/faulty-port.ts';
export { askSwitch } from './backends/network/switch/ask-switch.ts';
export { SwitchServer } from './backends/network/switch/switch-server.ts';
export type { SwitchServerOptions } from './backends/network/switch/switch-server.ts';
export { HOST_CLOCK } from './backends/network/network-clock.ts';
export type { NetworkClock } from './backends/network/network-clock.ts';
export type { MembershipDescription } from './backends/network/switch/membership.ts';
export type { FrameOffload, NetworkPort } from './backends/network/network-port.ts';
export { DEFAULT_PLATFORM } from './boot/acpi/platform-description.ts';
export type { PlatformDescription } from './boot/acpi/platform-description.ts';
export { isAr, readAr } from './boot/archive/ar.ts';
export type { ArMember } from './boot/archive/ar.ts';
export { cpioMembers, cpioTrailer, FileKind, readCpio, writeCpio } from './boot/archive/cpio.ts';
export type { CpioEntry, NewCpioEntry } from './boot/archive/cpio.ts';
export { decompressXz, isXz } from './boot/compression/xz/xz.ts';
export type { EntryState, SegmentState, TableState } from './boot/entry-state.ts';
export type { LinuxEntry } from './boot/kernel-description.ts';
export { giveBack } from './boot/give-back.ts';
export { loadKernel } from './boot/load-kernel.ts';
export type { LoadedKernel, LoadKernelOptions } from './boot/load-kernel.ts';
export type { FlatBinary } from './boot/load-flat.ts';
export { layOutMemory } from './boot/memory-map.ts';
export type { MemoryMap, MemoryRange } from './boot/memory-map.ts';
export { kernelSymbols } from './boot/symbols/kallsyms.ts';
export type { KernelSymbol } from './boot/symbols/kallsyms.ts';
export { writeSymbolFile } from './boot/symbols/symbol-file.ts';
export { makeResetVector, RESET_VECTOR_PAGES } from './boot/reset-vector.ts';
export type { LoadedDevice } from './machine/construct-device.ts';
export type { DeviceFileRequests, DeviceReplacement } from './machine/machine-devices.ts';
export { DeviceHost, VIRTUAL_EPOCH } from './machine/device-host.ts';
export type {
  DeviceHostDescription,
  DeviceHostEvent,
  DeviceHostOptions,
  DeviceHostRequests,
  SavedDevices,
  SuspendedDevices,
} from './machine/device-host.ts';
export type { DebugRequests, PacketHeldEvent } from './machine/machine-debug.ts';
export { openSavedDisks, overlaysOf } from './machine/machine-disks.ts';
export type {
  DiskDescription,
  DiskPlace,
  DiskRequests,
  HandedDisks,
  PlacedDisk,
  SavedDisks,
} from './machine/machine-disks.ts';
export type { SectorMap } from './backends/disk/overlay/sector-map.ts';
export { GRANULE } from './backends/disk/overlay/versions.ts';
export type { OverlayChanges, OverlayContents, VersionedOverlay } from './backends/disk/overlay/versions.ts';
export type { FileRequests } from './machine/machine-files.ts';
export type { GuestFacts } from './machine/guest-watch.ts';
export type { IntegrationRequests, KvpPoolNumber } from './machine/machine-integration.ts';
export type {
  DynamicMemoryDescription,
  MemoryEvent,
  MemoryPolicy,
  MemoryReport,
  MemoryRequests,
} from './machine/machine-memory.ts';
export type { NetworkOpener, NetworkRequests, NicDescription } from './machine/machine-network.ts';
export { NetworkVsp } from './vsps/network/network-vsp.ts';
export type { NetworkState } from './vsps/network/network-vsp.ts';
export type { SavedAdapter } from './vsps/network/adapter.ts';
export type { SavedNvsp } from './vsps/network/negotiation.ts';
export type { SavedScaling } from './vsps/network/receive-scaling.ts';
export type { NetworkOptions } from './vsps/network/network-options.ts';
export { StorageVsp } from './vsps/storage/storage-vsp.ts';
export type { StorageState } from './vsps/storage/storage-vsp.ts';
export type { IdePlace, StorageLun, StorageOptions } from './vsps/storage/storage-options.ts';
export type { LunAddress } from './vsps/storage/lun-queue.ts';
export type { NegotiationState, SavedNegotiation } from './vsps/storage/negotiation.ts';
export type { SavedRequest } from './vsps/storage/storage-request.ts';
export type { LogicalUnitState } from './vsps/storage/scsi/logical-unit.ts';
export type { ReservationState } from './vsps/storage/scsi/reservations.ts';
export { default as Heartbeat } from './vsps/integration/heartbeat.ts';
export type { HeartbeatState, SavedHeartbeat } from './vsps/integration/heartbeat.ts';
export { default as KeyValueExchange } from './vsps/integration/key-value-exchange.ts';
export type { KvpDone, KvpResult } from './vsps/integration/key-value-exchange.ts';
export { default as Shutdown } from './vsps/integration/shutdown.ts';
export type { SavedShutdown, ShutdownOptions, ShutdownResult } from './vsps/integration/shutdown.ts';
export { default as TimeSync } from './vsps/integration/time-sync.ts';
export type { TimeSyncOptions } from './vsps/integration/time-sync.ts';
export type { ExecutorMode } from './backends/disk/executor/policy.ts';
export type { SavedSession, SessionState } from './vsps/integration/integration-session.ts';
export type { IoApic, SavedIoApic } from './platform/io-apic.ts';
export type { MemoryBus, MemoryDevice } from './platform/memory-bus.ts';
export { Platform } from './platform/platform.ts';
export type { PlatformWorld, SavedPlatform } from './platform/platform.ts';
export type { SavedCounter, SavedIntervalTimer } from './platform/interval-timer.ts';
export type { SavedKeyboardController } from './platform/keyboard-controller.ts';
export type { PortBus, PortDevice, PortWidth } from './platform/port-bus.ts';
export type { SavedPostCode } from './platform/post-code.ts';
export type { SavedRealTimeClock } from './platform/real-time-clock.ts';
export type { SavedResetControl } from './platform/reset-control.ts';
export type { SavedSerialPort, SerialPort } from './platform/serial-port.ts';
export { CENTURY_REGISTER, Port, RESET_VALUE, SLEEP_TYPE_S5 } from './platform/ports.ts';
export type { DisplayDescription, DisplayRequests, MouseChange } from './machine/machine-display.ts';
export type { PageRun } from './machine/display-memory.ts';
export { DEFAULT_RESOLUTION, LARGEST, SMALLEST, videoMemoryBytes } from './vsps/video/resolutions.ts';
export type { Rectangle } from '@ringlet/protocols';
export { around, overlap, whole } from './vsps/video/rectangles.ts';
export type { Picture } from './vsps/video/surface.ts';
export type { DisplayEvent, ScreenMode } from './machine/screen-reports.ts';
