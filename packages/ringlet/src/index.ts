/**
 * Ringlet as a library: machines, what they are made of, and the types that guests and devices are written against.
 *
 * @packageDocumentation
 */
export { Machine } from './machine/machine.ts';
export type { MachineEvent, MachineRequests } from './machine/machine.ts';
export type { TakeEvent } from './recording/take.ts';
export type { Devices } from './machine/devices.ts';
export { ReplaySession } from './replay/replay-session.ts';
export type { ReplaySessionOptions, ReplayTravel } from './replay/replay-session.ts';
export type { ReplayPosition } from './replay/replay-session.ts';
export type { ReplayPoint } from './replay/point.ts';
export type { RecordedEnd, RecordedFile, RecordedInput } from './recording/format.ts';
export type { Disks } from './machine/disks.ts';
export type { Memory } from './machine/memory.ts';
export { MemoryPool } from './machine/memory-pool.ts';
export type { Display, DisplayMode } from './machine/display.ts';
export type { Keyboard } from './machine/keyboard.ts';
export type { Debugger, MachineDebugger } from './debug/machine-debugger.ts';
export type { GdbAddress, GdbEvent } from './debug/gdb/server.ts';
export type { LocalAddress } from './host/local-listener.ts';
export type { FlightRecorder, TracePage } from './trace/flight-recorder.ts';
export type { ControllableRecorder, ControllableTrace } from './control/controllable-trace.ts';
export type { Mouse } from './machine/mouse.ts';
export type { Viewers, ViewOptions, Views } from './viewer/viewers.ts';
export type { VncAddress } from './viewer/vnc-server.ts';
export { encodePng } from './host/png.ts';
export type {
  ControllableDevices,
  ControllableDisks,
  ControllableDisplay,
  ControllableKeyboard,
  ControllableMemory,
  ControllableMouse,
  ControllableViewers,
  DiskPlace,
  MouseAction,
  MouseButtonName,
  TypeOptions,
} from './control/controllable.ts';
export type { MemoryPolicy, MemoryReport, Picture, Rectangle } from '@ringlet/root-partition';
export type { OptionPlaces } from './configuration/option-places.ts';
export type {
  DeviceOption,
  DiskFormat,
  DiskOption,
  DisplayOption,
  GdbOption,
  DynamicMemoryOption,
  Harness,
  MachineOptions,
} from './configuration/options.ts';
export type { BackupOptions, ControllableGuest, CopyTarget, KeyPool } from './control/controllable-guest.ts';
export type { GuestServices } from './machine/guest-services.ts';
export type { GuestService } from './agent/connect.ts';
export type { ExecResult } from './agent/exec-session.ts';
export type { CompletedCommand, RunCommandOptions } from './agent/run-command.ts';
export type {
  Controllable,
  MachineResult,
  MachineState,
  RebootOptions,
  ShutdownOptions,
} from './control/controllable.ts';
export type { MachineTrace } from './machine/machine-trace.ts';
export type { TraceRecord, TraceRecordKind } from './trace/trace-record.ts';
export type { DecodedField, DecodedLayout } from '@ringlet/wire';
export type { Guest, GuestModule, Vsc, VscClass } from '@ringlet/child-partition';
export type { Channel, DeviceWorld, OfferDescription, Packet, Vsp, VspBus, VspClass } from '@ringlet/vmbus';
