/** The processor's core: what it exports to TypeScript. */
export { run } from './run';
export { updateMode } from './mode';
export { flushJumpCache, resetArena, dropPage } from './blocks/pages';
export { clearTlb } from './memory';
export { readFlags, writeFlags } from './flags';
export { flushAll as flushTlb } from './system/paging';
