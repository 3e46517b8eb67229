/**
 * The x86-64 processor in software: an interpreter of predecoded blocks in WebAssembly, driven from TypeScript.
 *
 * @packageDocumentation
 */
export { compileCore, instantiateCore } from './core-loader.ts';
export type { CoreExports } from './core-loader.ts';
export { DebuggedPartition, MOST_STOPS } from './debug/debugged-partition.ts';
export { type ByteRange, notState } from './not-state.ts';
export type {
  DebugCommand,
  DebuggedPartitionOptions,
  DebuggedVpAccess,
  DebugStop,
  DebugStops,
  WatchedAccess,
} from './debug/debugged-partition.ts';
export { PROCESSOR_MSR_NAMES } from './debug/msr-names.ts';
export { DEBUG_REGISTERS, registerBytes } from './debug/registers.ts';
export type { DebugRegister, RegisterFeature, StandingVp } from './debug/registers.ts';
export type { Translation } from './debug/translate.ts';
export { startupEntry } from './entry.ts';
export type { EntryRegister, EntryRegisters, SegmentRegister, TableRegister } from './entry.ts';
export { inspectVp, registerWords } from './inspect.ts';
export type { VpInspection } from './inspect.ts';
export { coveragePage } from './isa/coverage.ts';
export { disassemble, format as formatInstruction } from './isa/disassemble.ts';
export type { Disassembled } from './isa/disassemble.ts';
export type { Row } from './isa/table.ts';
export { codeAt, readLinear } from './linear.ts';
export { X64Processor } from './processor.ts';
export type { X64ProcessorOptions } from './processor.ts';
export { GENERAL_REGISTERS, readRegisters, RFLAGS, SEGMENT_REGISTERS } from './registers.ts';
export type { RegisterView, SegmentView, TableView } from './registers.ts';
export { prepareVpArea, vpAreaBytes } from './vp-area.ts';
export type { SharedTables } from './vp-area.ts';
