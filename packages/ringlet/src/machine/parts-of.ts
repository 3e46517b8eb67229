/** What a machine is made of, from what its caller wrote down: checked, with absolute paths and the defaults filled in. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { DEFAULT_RESOLUTION } from '@ringlet/root-partition';
import { UserError } from '@ringlet/wire';
import { defaultMemory, type DeviceOption, type MachineOptions } from '../configuration/options.ts';
import { memoryLimitsOf } from './memory.ts';
import type { DevicePart, GuestParts, MachineParts } from './parts.ts';

const PAGE = 4096;
const LEAST_MEMORY = 1024 * 1024;
/** What the guest's runtime keeps for each processor. */
const LEAST_MEMORY_PER_CPU = 16 * 1024;
const MOST_CPUS = 64;

/**
 * @param identity - its name, and where its sockets are if it has any
 * @param devices - {@link devicePart} of each
 * @throws UserError when the options cannot be met
 */
export function partsOf(
  options: MachineOptions,
  { name, sockets }: { readonly name: string; readonly sockets: string | undefined },
  devices: readonly DevicePart[],
): MachineParts {
  const { cpus = 1, memory = defaultMemory(options), display = DEFAULT_RESOLUTION } = options;
  if (!Number.isInteger(cpus) || cpus < 1 || cpus > MOST_CPUS) {
    throw new UserError('cpus-invalid', `a machine cannot have ${cpus} processors`, { hint: `1 to ${MOST_CPUS}` });
  }
  if (!Number.isInteger(memory) || memory % PAGE !== 0 || memory < LEAST_MEMORY + cpus * LEAST_MEMORY_PER_CPU) {
    throw new UserError('memory-invalid', `a machine cannot have ${memory} bytes of memory`, {
      hint: 'at least 1M and 16K for each processor, in whole pages of 4 KiB',
    });
  }
  const { weight = 100, cap = 100, reserve = 0, disks = [], networks = [] } = options;
  return {
    guest: guestOf(options),
    cpus,
    share: { weight, cap, reserve },
    memoryBytes: memory,
    memoryLimits: memoryLimitsOf(memory, options),
    devices,
    description: {
      name,
      disks,
      sockets,
      networks,
      cpus,
      ...(display !== 'none' && { display: { preferred: display } }),
    },
  };
}

function guestOf({ guest, kernel, initrd, commandLine, args = [], gdb, pool, harness }: MachineOptions): GuestParts {
  if (pool !== undefined && (kernel === undefined || harness === 'lockstep')) {
    throw new UserError('pool-not-shared', 'a pool of memory is for kernels, and not for runs in lockstep', {
      hint: 'leave out pool',
    });
  }
  if (guest !== undefined && kernel === undefined) {
    return { kind: 'typescript', module: existing(guest, 'guest-not-found', 'guest'), args };
  }
  if (kernel === undefined || guest !== undefined) {
    throw new UserError('guest-unclear', 'a machine runs either a guest module or a kernel', {
      hint: 'give one of guest and kernel',
    });
  }
  return {
    kind: 'x64',
    kernel: existing(kernel, 'kernel-not-found', 'kernel'),
    initrd: initrd === undefined ? undefined : existing(initrd, 'initrd-not-found', 'initial RAM disk'),
    commandLine: commandLine ?? '',
    held: gdb?.wait === true,
    ...(pool && { pool }),
  };
}

/** A device of its own file. @throws UserError `device-not-found` */
export function devicePart(device: string | DeviceOption): DevicePart {
  const { path, options = {}, asText = false, places } = typeof device === 'string' ? { path: device } : device;
  const file = existing(path, 'device-not-found', 'device');
  return { file, values: options, asText, ...(places && { places }) };
}

function existing(file: string, code: string, what: string): string {
  const path = resolve(file);
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw new UserError(code, `no ${what} at ${path}`, { hint: 'check the path' });
  }
  return path;
}
