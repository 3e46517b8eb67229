/** From the words after `ringlet run` to what each machine is made of. A flag wins over the machine file. */
import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { UserError } from '@ringlet/wire';
import { parseDiskFlag } from '../configuration/disk-flag.ts';
import { parseDuration } from '../configuration/duration.ts';
import { isMachineFile, readMachineFile } from '../configuration/machine-file.ts';
import { NAME_PATTERN } from '../configuration/machine-schema.ts';
import type { MachineOptions } from '../configuration/options.ts';
import { parseSize } from '../configuration/size.ts';
import { Expectation } from './expectation.ts';
import type { Watch } from './session.ts';

/** Processors and memory of a machine that does not say. */
export const DEFAULT_CPUS = 1;
export const DEFAULT_MEMORY = 64 * 1024 * 1024;

const LEAST_MEMORY = 1024 * 1024;
const MOST_MEMORY = 4 * 1024 ** 3;
const PAGE = 4096;

/** The flags of `ringlet run`, as commander hands them over. */
export interface RunFlags {
  readonly name?: string;
  readonly disk?: readonly string[];
  readonly device?: readonly string[];
  readonly cpus?: string;
  readonly memory?: string;
  readonly lockstep?: boolean;
  readonly seed?: string;
  readonly expect?: string;
  readonly timeout?: string;
  readonly json?: boolean;
  readonly detach?: boolean;
}

/** What each machine of the run is made of. @throws UserError */
export function machinesOf(target: string, args: readonly string[], flags: RunFlags): MachineOptions[] {
  if (!existsSync(target)) {
    throw new UserError('guest-not-found', `no file at ${target}`, {
      hint: 'give the path of a guest (.ts or .js) or of a machine file (.yaml)',
    });
  }
  const machines = isMachineFile(target) ? readMachineFile(target) : [{ guest: resolve(target) }];
  const changes = changesOf(args, flags);
  const [only, ...others] = machines;
  if (only !== undefined && others.length === 0) return [merge(only, changes)];
  const changed = Object.keys(changes);
  if (changed.length > 0) {
    throw new UserError(
      'flag-for-several',
      `${target} describes several machines: which one is ${changed[0]} meant for?`,
      {
        hint: 'write it into the file, under the machine that it is for',
      },
    );
  }
  return machines;
}

/** The name of a machine that was given none: its guest's file name, without what a name cannot hold. */
export function nameFromGuest(guest: string): string {
  const stem = basename(guest).replace(/(\.guest)?\.[cm]?[jt]sx?$/, '');
  const name = stem.replaceAll(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return name.slice(0, 48) || 'machine';
}

/** What the run is watched for. @throws UserError */
export function watchOf(flags: RunFlags): Watch {
  if (flags.expect === '') throw new UserError('flag-invalid', '--expect: an empty text is always there', {});
  return {
    ...(flags.expect === undefined ? {} : { expectation: new Expectation(flags.expect) }),
    ...(flags.timeout === undefined ? {} : { timeoutMs: parseDuration(flags.timeout, '--timeout') }),
  };
}

function changesOf(args: readonly string[], flags: RunFlags): Partial<MachineOptions> {
  return {
    ...(flags.name === undefined ? {} : { name: checkedName(flags.name) }),
    ...(args.length === 0 ? {} : { args }),
    ...(flags.disk === undefined ? {} : { disks: flags.disk.map(parseDiskFlag) }),
    ...(flags.device === undefined ? {} : { devices: flags.device.map((path) => resolve(path)) }),
    ...(flags.cpus === undefined ? {} : { cpus: whole('--cpus', flags.cpus, 1, 64) }),
    ...(flags.memory === undefined ? {} : { memory: checkedMemory(flags.memory) }),
    ...(flags.lockstep === true ? { harness: 'lockstep' as const } : {}),
    ...(flags.seed === undefined ? {} : { seed: whole('--seed', flags.seed, 0, 2 ** 32 - 1) }),
  };
}

/** Disks and devices add to those of the file; anything else replaces. */
function merge(machine: MachineOptions, changes: Partial<MachineOptions>): MachineOptions {
  const disks = [...(machine.disks ?? []), ...(changes.disks ?? [])].map((disk) => ({
    ...disk,
    path: resolve(disk.path),
  }));
  const devices = [...(machine.devices ?? []), ...(changes.devices ?? [])];
  return {
    ...machine,
    ...changes,
    ...(disks.length === 0 ? {} : { disks }),
    ...(devices.length === 0 ? {} : { devices }),
  };
}

function checkedName(name: string): string {
  if (NAME_PATTERN.test(name)) return name;
  throw new UserError('name-invalid', `--name: "${name}" cannot be a machine's name`, {
    hint: 'use letters, digits, ".", "_" and "-", at most 63, starting with a letter or digit',
  });
}

function checkedMemory(text: string): number {
  const bytes = parseSize(text, '--memory');
  if (bytes >= LEAST_MEMORY && bytes <= MOST_MEMORY && bytes % PAGE === 0) return bytes;
  throw new UserError('memory-invalid', `--memory: a machine cannot have ${text}`, {
    hint: 'give a multiple of 4096 bytes from 1M to 4G: --memory 256M',
  });
}

function whole(flag: string, text: string, least: number, most: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new UserError('flag-invalid', `${flag}: "${text}" is not a whole number from ${least} to ${most}`, {
    hint: `give a number from ${least} to ${most}`,
  });
}
