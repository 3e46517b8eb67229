/** Memory: how much a running machine has, and how much it is to have. */
import type { MemoryReport } from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import type { MachineOptions } from '../configuration/options.ts';
import type { ControllableMemory } from '../control/controllable.ts';
import type { Harness } from './harness.ts';
import type { MachineParts } from './parts.ts';

const PAGE = 4096;
/** Less than this no kernel that can change its memory is left with. */
const LEAST = 32 * 1024 * 1024;
const USUAL_BUFFER = 20;
const MOST_BUFFER = 1000;

/** The memory of one running machine. */
export class Memory implements ControllableMemory {
  readonly #ask: Harness['request'];

  constructor(ask: Harness['request']) {
    this.#ask = ask;
  }

  /** How it is now. @throws UserError `memory-fixed` when the guest is a module */
  report(): Promise<MemoryReport> {
    return this.#ask('memory', {});
  }

  /**
   * Sets how much the guest is to have; it gets there as fast as it can.
   *
   * @param bytes - within the machine's limits; `'pressure'`: what the guest reports decides again
   * @throws UserError `memory-target-invalid`, `memory-fixed`
   */
  set(bytes: number | 'pressure'): Promise<MemoryReport> {
    return this.#ask('setMemory', { bytes: bytes === 'pressure' ? null : bytes });
  }
}

/** What a machine's memory may become. @throws UserError `memory-limits-invalid` */
export function memoryLimitsOf(
  memory: number,
  { dynamicMemory, kernel, harness }: Pick<MachineOptions, 'dynamicMemory' | 'kernel' | 'harness'>,
): MachineParts['memoryLimits'] {
  if (dynamicMemory === undefined) return { minimum: Math.min(LEAST, memory), maximum: memory };
  if (kernel === undefined || harness === 'lockstep') {
    throw invalid(
      kernel === undefined ? "a guest module's memory cannot change" : 'memory does not follow demand in lockstep',
    );
  }
  const { min = Math.ceil(memory / 2 / PAGE) * PAGE, max = memory, buffer = USUAL_BUFFER } = dynamicMemory;
  if (![min, max].every((bytes) => Number.isInteger(bytes / PAGE))) throw invalid('limits are whole pages of 4 KiB');
  if (min < Math.min(LEAST, memory) || min > memory || max < memory) {
    throw invalid(`min is from 32M to the memory that it starts with, and max not less than that`);
  }
  if (!(Number.isInteger(buffer) && buffer >= 0 && buffer <= MOST_BUFFER)) {
    throw invalid(`the buffer is 0 to ${MOST_BUFFER} percent`);
  }
  return { minimum: min, maximum: max, buffer };
}

const invalid = (why: string): UserError =>
  new UserError('memory-limits-invalid', `these limits of memory cannot be: ${why}`, {
    hint: '--memory 512M,min=256M,max=1G,buffer=20',
  });
