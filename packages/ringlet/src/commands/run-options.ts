/** From the words after `ringlet run` to what each machine is made of. A flag wins over the machine file. */
import { existsSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { invariant, UserError } from '@ringlet/wire';
import { looksLikeImage } from '../catalogue/image-name.ts';
import { copyOnce } from '../catalogue/copy-once.ts';
import { type CatalogueImage, resolveCatalogue } from '../catalogue/resolve.ts';
import { parseDeviceFlag } from '../configuration/device-flag.ts';
import { parseDisplay } from '../configuration/display-flag.ts';
import { parseDiskFlag } from '../configuration/disk-flag.ts';
import { parseDuration } from '../configuration/duration.ts';
import { parseGdb } from '../configuration/gdb-flag.ts';
import { isMachineFile, readMachineFile } from '../configuration/machine-file.ts';
import { parseMemory } from '../configuration/memory-flag.ts';
import { withForwards, withPaths } from '../configuration/network-fields.ts';
import { parseNetworkFlag } from '../configuration/network-flag.ts';
import { NAME_PATTERN } from '../configuration/machine-schema.ts';
import type { DeviceOption, MachineOptions } from '../configuration/options.ts';
import type { Environment } from '../control/directory.ts';
import { readRecording } from '../recording/recording.ts';
import { recordedOptions } from '../recording/take.ts';
import { Expectation } from './expectation.ts';
import type { Watch } from './session.ts';

/** Processors of a machine that does not say. */
export const DEFAULT_CPUS = 1;

/** The flags of `ringlet run`, as commander hands them over. */
export interface RunFlags {
  readonly name?: string;
  readonly kernel?: string;
  readonly initrd?: string;
  readonly append?: string;
  readonly disk?: readonly string[];
  /** A file that keeps what the guest writes to its image's root disk. */
  readonly keep?: string;
  readonly net?: readonly string[];
  readonly forward?: readonly string[];
  readonly device?: readonly string[];
  readonly display?: string;
  readonly cpus?: string;
  readonly memory?: string;
  readonly gdb?: string | true;
  /** The capture file of its trace. */
  readonly trace?: string;
  readonly onReset?: string;
  /** Bytes of each frame that are kept in it. */
  readonly snaplen?: string;
  readonly lockstep?: boolean;
  readonly seed?: string;
  /** Where to record; what to replay. */
  readonly record?: string;
  readonly replay?: string;
  readonly checkpointEvery?: string;
  readonly expect?: string;
  readonly timeout?: string;
  readonly json?: boolean;
  readonly detach?: boolean;
  /** Device files that are saved are loaded anew. */
  readonly watch?: boolean;
}

/** What a run is made of. */
export interface Wanted {
  /** Each of its machines. */
  readonly machines: readonly MachineOptions[];
  /** The image that they boot; `undefined` when that is something else. */
  readonly image?: CatalogueImage;
}

/**
 * What each machine of the run is made of.
 *
 * @param target - a guest, a machine file or an image of the catalogue; `--kernel` needs none
 * @throws UserError
 */
export function machinesOf(
  target: string | undefined,
  args: readonly string[],
  flags: RunFlags,
  environment: Environment,
): Wanted {
  if (flags.replay !== undefined) return { machines: [replayOf(flags.replay, target, args, flags)] };
  const { machines, image } = target === undefined ? { machines: [{}] } : targetOf(target, flags.keep, environment);
  const changes = changesOf(args, flags);
  const [only, ...others] = machines;
  if (flags.watch === true) checkWatch(machines, changes);
  if (only !== undefined && others.length === 0) {
    const one = checked(forwarded(merge(only, changes), flags.forward));
    // Another kernel boots what is the image's no longer.
    return { machines: [one], ...(image && flags.kernel === undefined ? { image } : {}) };
  }
  const changed = [...Object.keys(changes), ...(flags.forward === undefined ? [] : ['forward'])];
  if (changed.length > 0) {
    throw new UserError(
      'flag-for-several',
      `${target} describes several machines: which one is ${changed[0]} meant for?`,
      {
        hint: 'write it into the file, under the machine that it is for',
      },
    );
  }
  return { machines: machines.map(checked) };
}

/** Flags that say how to watch a machine, not what it is made of. */
const WATCHING: readonly string[] = [
  'replay',
  'gdb',
  'trace',
  'snaplen',
  'name',
  'json',
  'detach',
  'expect',
  'timeout',
] satisfies (keyof RunFlags)[];

/** The machine of a recording. */
function replayOf(file: string, target: string | undefined, args: readonly string[], flags: RunFlags): MachineOptions {
  const flag = Object.keys(flags).find((each) => !WATCHING.includes(each));
  const what = target ?? args[0] ?? (flag === undefined ? undefined : `--${flag}`);
  if (what !== undefined) {
    throw conflict('--replay', `says what the machine is made of: what is ${what} for?`, 'leave it out');
  }
  const replay = resolve(file);
  const name = flags.name === undefined ? {} : { name: checkedName(flags.name) };
  const gdb = flags.gdb === undefined ? {} : { gdb: parseGdb(flags.gdb) };
  return { ...recordedOptions(readRecording(replay)), harness: 'lockstep', replay, ...name, ...gdb };
}

/** Whether there is something to watch, in a run that need not be repeatable. */
function checkWatch(machines: readonly MachineOptions[], changes: Partial<MachineOptions>): void {
  const all = [...machines, changes];
  if (all.every(({ devices = [] }) => devices.length === 0)) {
    throw conflict('--watch', 'watches device files, and there are none', 'add --device FILE');
  }
  if (all.some(({ harness }) => harness === 'lockstep')) {
    throw conflict('--watch', 'makes a run that cannot be repeated', 'leave out --lockstep, or --watch');
  }
}

/** Adds the forwarded ports, to a network made for them when there is none. */
function forwarded(machine: MachineOptions, rules: readonly string[] | undefined): MachineOptions {
  return rules === undefined ? machine : { ...machine, networks: withForwards(machine.networks ?? [], rules) };
}

/** The file that a machine runs. */
export function fileOf({ guest, kernel }: MachineOptions): string {
  const file = guest ?? kernel;
  invariant(file !== undefined, 'a machine has something to run');
  return file;
}

/** The name of a machine that was given none: its image's, its recording's, or its file's without what a name cannot hold. */
export function usualName(target: string | undefined, options: MachineOptions): string {
  const image = target !== undefined && looksLikeImage(target);
  const file = options.replay?.replace(/\.[^./]*$/, '') ?? fileOf(options);
  const stem = image ? target : basename(file).replace(/(\.guest)?\.[cm]?[jt]sx?$/, '');
  const name = stem.replaceAll(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return name.slice(0, 48).replace(/-+$/, '') || 'machine';
}

/** What the run is watched for. @throws UserError */
export function watchOf(flags: RunFlags): Watch {
  if (flags.expect === '') throw new UserError('flag-invalid', '--expect: an empty text is always there', {});
  return {
    ...(flags.expect === undefined ? {} : { expectation: new Expectation(flags.expect) }),
    ...(flags.watch === true ? { devices: true } : {}),
    ...(flags.timeout === undefined ? {} : { timeoutMs: parseDuration(flags.timeout, '--timeout') }),
  };
}

/** The machines that a word means. */
function targetOf(target: string, keep: string | undefined, environment: Environment): Wanted {
  if (looksLikeImage(target)) {
    const image = imageCalled(target, environment);
    return { machines: [fromCatalogue(target, image, keep)], image };
  }
  if (keep !== undefined) throw conflict('--keep', 'is for images with a root disk', 'write --disk FILE,keep');
  if (!existsSync(target)) {
    throw new UserError('guest-not-found', `no file at ${target}`, {
      hint: 'give the path of a guest (.ts or .js) or of a machine file (.yaml), or the name of an image: debian',
    });
  }
  return { machines: isMachineFile(target) ? readMachineFile(target) : [{ guest: resolve(target) }] };
}

function imageCalled(name: string, environment: Environment): CatalogueImage {
  const image = resolveCatalogue(name, { environment });
  if (image === undefined) {
    throw new UserError('image-not-there', `${name} was not pulled yet`, {
      hint: `make it first: ringlet pull ${name}. A file of that name is ./${name}`,
    });
  }
  return image;
}

function fromCatalogue(name: string, image: CatalogueImage, keep: string | undefined): MachineOptions {
  const { kernel, initrd, commandLine, disk } = image;
  if (disk === undefined) {
    if (keep !== undefined) throw conflict('--keep', `is for images with a root disk`, `pull and run ${name}-disk`);
    return { kernel, initrd, commandLine };
  }
  const root = keep === undefined ? { path: disk } : { path: copyOnce(disk, keep), keep: true };
  return { kernel, initrd, commandLine, disks: [root] };
}

/** Checks that a machine has one thing to run, and nothing that belongs to another. */
function checked(machine: MachineOptions): MachineOptions {
  const { guest, kernel, initrd, commandLine, args } = machine;
  if (kernel !== undefined) {
    if (guest !== undefined) throw conflict('--kernel', 'is run instead of a guest module', 'leave one of them out');
    if (args !== undefined) throw conflict('words after --', 'go to guest modules', 'tell a kernel with --append');
    return machine;
  }
  if (initrd !== undefined) throw conflict('--initrd', 'goes with a kernel', 'add --kernel FILE');
  if (commandLine !== undefined) throw conflict('--append', 'goes with a kernel', 'add --kernel FILE');
  if (guest === undefined) {
    throw new UserError('usage', 'nothing to run', {
      hint: 'name a guest, a machine file or an image (debian), or give --kernel FILE',
    });
  }
  return machine;
}

function conflict(what: string, why: string, hint: string): UserError {
  return new UserError('flag-conflict', `${what} ${why}`, { hint });
}

function changesOf(args: readonly string[], flags: RunFlags): Partial<MachineOptions> {
  return {
    ...(flags.name === undefined ? {} : { name: checkedName(flags.name) }),
    ...(args.length === 0 ? {} : { args }),
    ...(flags.kernel === undefined ? {} : { kernel: resolve(flags.kernel) }),
    ...(flags.initrd === undefined ? {} : { initrd: resolve(flags.initrd) }),
    ...(flags.append === undefined ? {} : { commandLine: flags.append }),
    ...(flags.disk === undefined ? {} : { disks: flags.disk.map(parseDiskFlag) }),
    ...(flags.net === undefined ? {} : { networks: flags.net.map(parseNetworkFlag) }),
    ...(flags.device === undefined ? {} : { devices: flags.device.map(deviceOf) }),
    ...(flags.display === undefined ? {} : { display: parseDisplay(flags.display, '--display') }),
    ...(flags.cpus === undefined ? {} : { cpus: whole('--cpus', flags.cpus, 1, 64) }),
    ...(flags.memory === undefined ? {} : parseMemory(flags.memory, '--memory')),
    ...(flags.gdb === undefined ? {} : { gdb: parseGdb(flags.gdb) }),
    ...(flags.onReset === undefined ? {} : { onReset: checkedOnReset(flags.onReset) }),
    ...(flags.lockstep === true ? { harness: 'lockstep' as const } : {}),
    ...(flags.record === undefined ? {} : { record: resolve(flags.record) }),
    ...(flags.checkpointEvery === undefined
      ? {}
      : { checkpointEvery: parseDuration(flags.checkpointEvery, '--checkpoint-every') / 1000 }),
    ...(flags.seed === undefined ? {} : { seed: whole('--seed', flags.seed, 0, 2 ** 32 - 1) }),
  };
}

/** Disks, networks, devices and words for the kernel add to those of the file; anything else replaces. */
function merge(machine: MachineOptions, changes: Partial<MachineOptions>): MachineOptions {
  const disks = [...(machine.disks ?? []), ...(changes.disks ?? [])].map((disk) => ({
    ...disk,
    path: resolve(disk.path),
  }));
  const devices = [...(machine.devices ?? []), ...(changes.devices ?? [])];
  const networks = [...(machine.networks ?? []), ...(changes.networks ?? []).map((each) => withPaths(each, '.'))];
  const words = [machine.commandLine, changes.commandLine].filter((text) => text !== undefined);
  return {
    ...machine,
    ...changes,
    ...(disks.length === 0 ? {} : { disks }),
    ...(devices.length === 0 ? {} : { devices }),
    ...(networks.length === 0 ? {} : { networks }),
    ...(words.length === 0 ? {} : { commandLine: words.join(' ') }),
  };
}

function deviceOf(text: string): DeviceOption {
  const device = parseDeviceFlag(text);
  return { ...device, path: resolve(device.path) };
}

function checkedName(name: string): string {
  if (NAME_PATTERN.test(name)) return name;
  throw new UserError('name-invalid', `--name: "${name}" cannot be a machine's name`, {
    hint: 'use letters, digits, ".", "_" and "-", at most 63, starting with a letter or digit',
  });
}

function checkedOnReset(word: string): 'restart' | 'stop' {
  if (word === 'restart' || word === 'stop') return word;
  throw new UserError('flag-invalid', `--on-reset: "${word}" is neither restart nor stop`, {
    hint: 'restart starts the machine again in place, stop ends the run',
  });
}

function whole(flag: string, text: string, least: number, most: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new UserError('flag-invalid', `${flag}: "${text}" is not a whole number from ${least} to ${most}`, {
    hint: `give a number from ${least} to ${most}`,
  });
}
