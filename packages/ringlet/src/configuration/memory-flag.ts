/** Memory as people write it: `512M`, or with what it may become while the machine runs: `512M,min=256M,max=1G,buffer=20`. */
import { UserError } from '@ringlet/wire';
import type { MachineOptions } from './options.ts';
import { sizeInBytes } from './size.ts';

const LEAST_MEMORY = 1024 * 1024;
/** One memory node, the most that a 32-bit address reaches. */
const MOST_MEMORY = 4 * 1024 ** 3;
const PAGE = 4096;

/** What a memory may be, for people. */
export const MEMORY_FORM =
  'a size such as 256M, a multiple of 4096 bytes from 1M to 4G; for a kernel also with limits: 512M,min=256M,max=1G';

/** What a machine is given for it. */
export type MemoryOptions = Required<Pick<MachineOptions, 'memory'>> & Pick<MachineOptions, 'dynamicMemory'>;

/** Whether that many bytes are a memory. */
const isMemory = (bytes: number | undefined): bytes is number =>
  bytes !== undefined && bytes >= LEAST_MEMORY && bytes <= MOST_MEMORY && bytes % PAGE === 0;

/** The memory that a text means; `undefined` when it means none that a machine can have. */
export function memoryOf(text: string): MemoryOptions | undefined {
  const [size = '', ...limits] = text.split(',');
  const memory = sizeInBytes(size);
  if (!isMemory(memory)) return undefined;
  const dynamic: { min?: number; max?: number; buffer?: number } = {};
  for (const limit of limits) {
    const match = /^(min|max|buffer)=(.+)$/.exec(limit.trim());
    const key = match?.[1] as keyof typeof dynamic | undefined;
    if (key === undefined || dynamic[key] !== undefined) return undefined;
    const value = key === 'buffer' ? percent(match![2]!) : sizeInBytes(match![2]!);
    if (value === undefined || (key !== 'buffer' && !isMemory(value))) return undefined;
    dynamic[key] = value;
  }
  return { memory, ...(limits.length > 0 && { dynamicMemory: dynamic }) };
}

/** The same. @throws UserError `memory-invalid`, naming `what` was being set */
export function parseMemory(text: string, what: string): MemoryOptions {
  const memory = memoryOf(text);
  if (memory !== undefined) return memory;
  throw new UserError('memory-invalid', `${what}: a machine cannot have the memory "${text}"`, {
    hint: `give ${MEMORY_FORM}`,
  });
}

const percent = (text: string): number | undefined => (/^\d{1,4}%?$/.test(text) ? parseInt(text, 10) : undefined);
