/** What can come into a recorded machine: each request that a recording may hold, and what its parameters are like. */
import { UserError } from '@ringlet/wire';
import { z } from 'zod';
import type { ArrivalName } from '../lockstep/journal.ts';
import type { Recording } from './recording.ts';

const path = z.string().min(1).max(4096).startsWith('/');
const text = z.string().max(65_536);
const whole = z.int().min(0);
const finite = z.number().min(-1e9).max(1e9);
const none = z.strictObject({});
/** A disk's place: the machine says whether there is such a one. */
const place = { controller: whole.optional(), target: whole.optional(), lun: whole.optional() };
const pool = z.int().min(0).max(4);

/** Inspecting, tracing, debugging and ending are not the machine's business, devices stay what they are, and a backup takes the host's time. */
type Recorded = Exclude<
  ArrivalName,
  | 'inspect'
  | 'trace'
  | 'screenshot'
  | 'replaceDevice'
  | 'holdPackets'
  | 'releasePackets'
  | 'backupDisk'
  | 'reset'
  | 'dispose'
>;

const REQUESTS: Readonly<Record<Recorded, z.ZodType>> = {
  write: z.strictObject({ base64: z.base64() }),
  restart: z.strictObject({ when: z.enum(['now', 'next', 'never']) }),
  attachDisk: z.strictObject({
    path,
    // It would be written to.
    keep: z.literal(false).optional(),
    readOnly: z.boolean().optional(),
    format: z.enum(['raw', 'vhd', 'vhdx', 'iso']).optional(),
    iops: z.number().positive().optional(),
    bandwidth: z.number().positive().optional(),
    ...place,
  }),
  detachDisk: z.strictObject(place),
  resizeDisk: z.strictObject({ bytes: finite.max(Number.MAX_SAFE_INTEGER), ...place }),
  copyFile: z.strictObject({
    file: path,
    directory: text,
    name: text,
    overwrite: z.boolean(),
    createPath: z.boolean(),
  }),
  shutdown: z.strictObject({ reboot: z.boolean(), force: z.boolean() }),
  syncTime: none,
  keyValues: z.strictObject({ pool }),
  setKeyValue: z.strictObject({ pool, key: text, value: text }),
  deleteKeyValue: z.strictObject({ pool, key: text }),
  watchDisplay: z.strictObject({ watched: z.boolean() }),
  preferResolution: z.strictObject({ width: whole.max(65_535), height: whole.max(65_535) }),
  pressKeys: z.strictObject({
    strokes: z.array(z.strictObject({ makeCode: whole.max(65_535), flags: whole.max(0xffff_ffff) })).max(65_536),
  }),
  useMouse: z.strictObject({
    changes: z
      .array(
        z.strictObject({
          x: finite.optional(),
          y: finite.optional(),
          press: whole.max(255).optional(),
          release: whole.max(255).optional(),
          wheel: finite.optional(),
        }),
      )
      .max(65_536),
  }),
  setLink: z.strictObject({ nic: whole.optional(), up: z.boolean() }),
  receiveFrame: z.strictObject({
    nic: whole.max(7),
    base64: z.base64(),
    offload: z
      .strictObject({
        segmentSize: whole.max(65_535),
        checksumPartial: z.boolean(),
        vlan: whole.max(65_535).optional(),
      })
      .optional(),
  }),
  plugNetwork: z.strictObject({ nic: whole.max(7), up: z.boolean() }),
  memory: none,
  setMemory: z.strictObject({ bytes: whole.nullable() }),
};

/** @returns why a request cannot be in a recording, `undefined` when it can */
export function whyUnrecordable(name: string, parameters: object): string | undefined {
  if (name === 'backupDisk') return 'how long a copy takes is the host’s affair';
  if ((parameters as { readonly keep?: unknown }).keep === true) {
    return 'a disk that is written to is another one at the replay';
  }
  if (!Object.hasOwn(REQUESTS, name)) return 'it is none of the requests that come in';
  const issue = REQUESTS[name as Recorded].safeParse(parameters).error?.issues[0];
  return issue && [...issue.path.map(String), issue.message].join(': ');
}

/** @throws UserError `recording-damaged` when something in it is none of a machine's requests */
export function checkInputs({ path: file, inputs }: Recording): void {
  for (const { name, parameters } of inputs) {
    const why = whyUnrecordable(name, parameters);
    if (why === undefined) continue;
    throw new UserError('recording-damaged', `${file} is no good recording: "${name}" cannot come in: ${why}`, {
      hint: 'use another copy of it, or record again with --record',
    });
  }
}
