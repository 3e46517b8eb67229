/**
 * Synthetic interrupt controller and inter-partition communication: what the rest of the microkernel uses.
 *
 * The shared state gives each VP {@link VP_SYNIC_WORDS} words and the whole microkernel {@link PORT_WORDS}, all zero at
 * first. {@link VpSynic} is the side of the VP that receives, {@link Ports} that of whoever sends.
 */
export type { SynicHost } from './host.ts';
export { VP_SYNIC_WORDS } from './layout.ts';
export { PORT_WORDS, Ports } from './ports.ts';
export type { PortInfo } from './ports.ts';
export { SYNIC_REGISTERS } from './registers.ts';
export type { SynicRegister, SynicRegisters } from './registers.ts';
export { VpSynic } from './vp-synic.ts';
export type { SavedMessage, SavedSynic, SavedTimer } from './saved-state.ts';
