/** A take: how one run of a machine comes to its journal. Nobody records, or it is recorded, or it happens again. */
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { UserError } from '@ringlet/wire';
import { z } from 'zod';
import { type DeviceOption, DISK_FORMATS, type MachineOptions, type NetworkOption } from '../configuration/options.ts';
import { coreFile } from '../host/x64-core.ts';
import { type Journal, LiveJournal } from '../lockstep/journal.ts';
import type { RecordedEnd, RecordedFile, RecordingHeader } from './format.ts';
import { checkFiles, checkVersion, filesOfDisk, recordedCode, recordedFile } from './recorded-files.ts';
import { readRecording, type Recording } from './recording.ts';
import { RecordingJournal } from './recording-journal.ts';
import { RecordingWriter } from './recording-writer.ts';
import { checkInputs } from './recorded-requests.ts';
import { ReplayJournal } from './replay-journal.ts';

/** Bytes that a recording may grow to: hours of a guest that is typed at. */
const MOST_BYTES = 4 * 1024 ** 3;

/** What becomes of a recording. Plain data. */
export type TakeEvent =
  /** It is whole. */
  | ({ readonly type: 'recorded'; readonly path: string } & RecordedEnd)
  /** It breaks off here; the machine goes on. */
  | { readonly type: 'recording-failed'; readonly code: string; readonly message: string }
  /** The replay is over, and is what was recorded; without an end, to where the recording breaks off. */
  | {
      readonly type: 'replayed';
      readonly path: string;
      readonly step: number;
      readonly time: number;
      readonly state?: string;
    };

/** How a run comes to its journal. */
export interface Take {
  /** What the machine is made of. */
  readonly options: MachineOptions;
  /** What the guest knows the machine by, when that is not its name. */
  readonly name?: string;
  /**
   * @param name - the machine's
   * @param tell - told what becomes of the recording
   * @returns makes the journal, from the files that guest module and devices were made of
   */
  journal(name: string, tell: (event: TakeEvent) => void): (code: readonly string[]) => Promise<Journal>;
}

/** Options that a replay may have of its own. */
const NOT_RECORDED: readonly string[] = [
  'replay',
  'name',
  'sockets',
  'harness',
  'gdb',
] satisfies (keyof MachineOptions)[];

/** What a recorded machine is made of, its name aside. @throws UserError as {@link takeOf} */
export function recordedOptions(recording: Recording): MachineOptions {
  const { name: _, ...options } = optionsOf(recording);
  return options;
}

/** @throws UserError when a run like this cannot be recorded, or replayed */
export function takeOf(options: MachineOptions): Take {
  const { record, replay } = options;
  if (record !== undefined && replay !== undefined) {
    throw new UserError('recording-impossible', 'a replay is not recorded: it is the recording', {
      hint: 'leave one of record and replay out',
    });
  }
  if (replay !== undefined) return replayed(resolve(replay), options);
  if (record !== undefined) return recorded(resolve(record), options);
  if (options.checkpointEvery !== undefined) {
    throw new UserError('recording-impossible', 'checkpoints are points of a recording', { hint: 'add --record FILE' });
  }
  return { options, journal: () => () => Promise.resolve(new LiveJournal()) };
}

/** This version of Ringlet. */
const version = (): string =>
  (createRequire(import.meta.url)('../../package.json') as { readonly version: string }).version;

function recorded(path: string, options: MachineOptions): Take {
  if (options.harness !== 'lockstep') {
    throw new UserError('recording-impossible', 'only a run in lockstep can be recorded', {
      hint: 'add --lockstep; with threads the host decides what happens when',
    });
  }
  if (options.disks?.some(({ keep }) => keep === true) === true) {
    throw new UserError('recording-impossible', 'a disk that is written to is another one at the replay', {
      hint: 'leave out "keep": the overlay takes the writes, at the recording and at the replay',
    });
  }
  const absolute = absoluteOf(options);
  return {
    options,
    journal: (name, tell) => async (code) => {
      const header: RecordingHeader = {
        ringlet: version(),
        recorded: Date.now(),
        options: JSON.parse(JSON.stringify({ ...absolute, name })) as RecordingHeader['options'],
        files: await filesOf(absolute, code),
      };
      return new RecordingJournal(new RecordingWriter(path, header, MOST_BYTES), tell);
    },
  };
}

function replayed(path: string, given: MachineOptions): Take {
  const recording = readRecording(path);
  checkVersion(path, recording.header, version());
  checkInputs(recording);
  const options = optionsOf(recording);
  for (const [option, value] of Object.entries(given)) {
    if (NOT_RECORDED.includes(option) || isDeepStrictEqual(value, options[option as keyof MachineOptions])) continue;
    throw new UserError('replay-options', `${option} cannot be another for a replay: it is in the recording`, {
      hint: 'leave it out',
    });
  }
  return {
    options: { ...options, harness: 'lockstep', ...(given.gdb && { gdb: given.gdb }) },
    ...(options.name === undefined ? {} : { name: options.name }),
    journal: (_, tell) => async (code) => {
      checkFiles(recording, await codeOf(options, code));
      return new ReplayJournal(recording, tell);
    },
  };
}

/** What a machine is made of, with every path absolute and nothing in it that is the host's affair. */
function absoluteOf(options: MachineOptions): MachineOptions {
  const { record: _, replay: __, sockets: ___, harness: ____, name: _____, gdb: ______, ...kept } = options;
  return {
    ...kept,
    ...(kept.guest === undefined ? {} : { guest: resolve(kept.guest) }),
    ...(kept.kernel === undefined ? {} : { kernel: resolve(kept.kernel) }),
    ...(kept.initrd === undefined ? {} : { initrd: resolve(kept.initrd) }),
    // What is at the other end of the cable is not there at a replay.
    ...(kept.networks === undefined ? {} : { networks: kept.networks.map(plugOf) }),
    ...(kept.disks === undefined ? {} : { disks: kept.disks.map((disk) => ({ ...disk, path: resolve(disk.path) })) }),
    ...(kept.devices === undefined ? {} : { devices: kept.devices.map(withAbsolutePath) }),
  };
}

/** Where its options were written is forgotten: the recording holds what they said. */
/** What decides how a NIC looks to its guest. */
function plugOf(network: NetworkOption): NetworkOption {
  const { kind, mac } = network;
  const mtu = 'mtu' in network ? network.mtu : undefined;
  return { kind, ...(mac !== undefined && { mac }), ...(mtu !== undefined && { mtu }) } as NetworkOption;
}

function withAbsolutePath(device: string | DeviceOption): string | DeviceOption {
  if (typeof device === 'string') return resolve(device);
  const { places: _, ...kept } = device;
  return { ...kept, path: resolve(device.path) };
}

/** Every file that decides what happens. @throws UserError when one cannot be read */
async function filesOf(options: MachineOptions, code: readonly string[]): Promise<RecordedFile[]> {
  const { kernel, initrd, disks = [] } = options;
  return [
    ...(kernel === undefined ? [] : [recordedFile('kernel', kernel)]),
    ...(initrd === undefined ? [] : [recordedFile('initrd', initrd)]),
    ...disks.flatMap(({ path: image }) => filesOfDisk(image)),
    ...(await codeOf(options, code)),
  ];
}

/** What the machine runs that is Ringlet's, or made by it out of modules. */
async function codeOf(
  { guest, kernel, devices = [] }: MachineOptions,
  code: readonly string[],
): Promise<RecordedFile[]> {
  const files = devices.map((device) => (typeof device === 'string' ? device : device.path));
  const [module] = [...(guest === undefined ? [] : [guest]), ...files];
  return [
    ...(kernel === undefined ? [] : [recordedFile('processor', await coreFile())]),
    ...(module === undefined ? [] : [recordedCode(module, code)]),
  ];
}

const path = z.string().min(1).max(4096).startsWith('/');
const size = z.strictObject({ width: z.int().min(1).max(16_384), height: z.int().min(1).max(16_384) });

/** What a recording says a machine is made of: {@link MachineOptions}, as far as one can be recorded. */
const RecordedOptions = z.strictObject({
  name: z.string().min(1).max(255).optional(),
  guest: path.optional(),
  kernel: path.optional(),
  initrd: path.optional(),
  commandLine: z.string().max(65_536).optional(),
  args: z.array(z.string().max(65_536)).max(256).optional(),
  disks: z
    .array(
      z.strictObject({
        path,
        keep: z.literal(false).optional(),
        readOnly: z.boolean().optional(),
        format: z.enum(DISK_FORMATS).optional(),
        controller: z.int().min(0).max(3).optional(),
        target: z.int().min(0).max(1).optional(),
        lun: z.int().min(0).max(63).optional(),
        iops: z.number().positive().optional(),
        bandwidth: z.number().positive().optional(),
      }),
    )
    .max(64)
    .optional(),
  networks: z
    .array(
      z.strictObject({
        kind: z.enum(['none', 'nat', 'switch', 'stream', 'passt', 'tap']),
        mac: z.string().max(17).optional(),
        mtu: z.int().min(576).max(9000).optional(),
      }),
    )
    .max(8)
    .optional(),
  devices: z
    .array(
      z.union([
        path,
        z.strictObject({
          path,
          options: z.record(z.string(), z.unknown()).optional(),
          asText: z.boolean().optional(),
        }),
      ]),
    )
    .max(64)
    .optional(),
  display: z.union([size, z.literal('none')]).optional(),
  cpus: z.int().min(1).max(64).optional(),
  memory: z
    .int()
    .min(0)
    .max(4 * 1024 ** 3)
    .optional(),
  checkpointEvery: z.number().positive().optional(),
  onReset: z.enum(['restart', 'stop']).optional(),
  resetsPerMinute: z.number().min(0).optional(),
  seed: z
    .int()
    .min(0)
    .max(2 ** 32 - 1)
    .optional(),
  weight: z.number().optional(),
  cap: z.number().optional(),
  reserve: z.number().optional(),
});

/** @throws UserError `recording-damaged` when they are not those of a machine */
function optionsOf({ path: file, header }: Recording): MachineOptions {
  const parsed = RecordedOptions.safeParse(header.options);
  if (parsed.success) return parsed.data as MachineOptions;
  const [issue] = parsed.error.issues;
  const why = `${issue?.path.join('.') ?? 'options'}: ${issue?.message ?? 'not those of a machine'}`;
  throw new UserError('recording-damaged', `${file} is no good recording: ${why}`, {
    hint: 'use another copy of it, or record again with --record',
  });
}
