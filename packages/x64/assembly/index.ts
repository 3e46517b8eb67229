/** The processor's core: what it exports to TypeScript. */
import { writeFlags as putFlags } from './flags';
import { accessFlagChanged } from './system/access-flag';

export { run } from './run';
export { updateMode } from './mode';
export { flushJumpCache, resetArena, dropPage } from './blocks/pages';
export { readFlags } from './flags';
export { flushAll as flushTlb } from './system/paging';

/** Sets RFLAGS, and what follows from AC. */
export function writeFlags(s: usize, flags: u32): void {
  putFlags(s, flags);
  accessFlagChanged(s);
}
