/**
 * The form of `machine.yaml`: one machine, or several under `machines:`.
 *
 * One declaration feeds the checks, the error texts and the published JSON Schema. Each `error` completes the sentence
 * "expected …". Defaults are not filled in here: absent means absent, and the machine decides.
 */
import { z } from 'zod';
import { DISPLAY_FORM, displayOf } from './display-flag.ts';
import { GDB_FORM, readGdb } from './gdb-flag.ts';
import { fieldsOf, NETWORK_KINDS, networkOf } from './network-fields.ts';
import { readNetwork } from './network-flag.ts';
import { MEMORY_FORM, memoryOf, type MemoryOptions } from './memory-flag.ts';
import { DISK_FORMATS, HIGHEST_ADDRESS, MOST_A_SECOND, type GdbOption, type NetworkOption } from './options.ts';
import { sizeInBytes } from './size.ts';

/** What a machine may be called: it is also a file name. */
export const NAME_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

const text = (expected: string) => z.string({ error: expected }).min(1, { error: expected });
const number = (least: number, most: number, what: string) => {
  const error = `${what}, a whole number from ${least} to ${most}`;
  return z.int({ error }).min(least, { error }).max(most, { error });
};

const bytes = z.union([z.int(), z.string()], { error: MEMORY_FORM });
const memoryText = (value: MemoryFields): string => {
  if (typeof value !== 'object') return String(value);
  const { size, ...limits } = value;
  const given = Object.entries(limits).filter(([, limit]) => limit !== undefined);
  return [size, ...given.map(([name, limit]) => `${name}=${limit}`)].join(',');
};
const memory = z
  .union(
    [
      z.int(),
      z.string(),
      z.strictObject(
        {
          size: bytes.meta({ description: 'What a kernel starts with' }),
          min: bytes
            .optional()
            .meta({ description: 'Least that it is left with; half of what it starts with otherwise' }),
          max: bytes.optional().meta({ description: 'Most that it may get; what it starts with otherwise' }),
          buffer: number(0, 1000, 'a percentage')
            .optional()
            .meta({ description: 'Percent of what it needs that it gets beyond that; 20 otherwise' }),
        },
        { error: MEMORY_FORM },
      ),
    ],
    { error: MEMORY_FORM },
  )
  .transform((value, context): MemoryOptions => {
    const meant = memoryOf(memoryText(value));
    if (meant !== undefined) return meant;
    context.addIssue({ code: 'custom', message: MEMORY_FORM });
    return z.NEVER;
  })
  .meta({ description: 'Guest memory: bytes, a size such as 256M, or for a kernel also its limits' });

type Size = number | string;
type MemoryFields =
  | Size
  | {
      readonly size: Size;
      readonly min?: Size | undefined;
      readonly max?: Size | undefined;
      readonly buffer?: number | undefined;
    };

const rateError = 'bytes a second, such as 10M';
const rate = z
  .union([z.int(), z.string()], { error: rateError })
  .transform((value) => (typeof value === 'string' ? (sizeInBytes(value) ?? 0) : value))
  .refine((bytes) => bytes >= 1 && bytes <= MOST_A_SECOND, { error: rateError })
  .meta({ description: 'Most bytes a second, read and written together: a number, or a size such as 10M' });

const flag = (expected: string) => z.boolean({ error: expected });

const devicePath = text('the path of a device file').meta({
  description: 'Path of a file with a VSP as default export, relative to this file',
});
const device = z.union(
  [
    devicePath,
    z.strictObject(
      {
        path: devicePath,
        options: z
          .record(z.string(), z.unknown(), { error: 'a mapping from the names of its options to their values' })
          .optional()
          .meta({ description: 'What the device is told: ringlet device FILE lists what it can be' }),
      },
      { error: 'a path, or a mapping with "path" and "options"' },
    ),
  ],
  { error: 'a path, or a mapping with "path" and "options"' },
);

const address = (part: keyof typeof HIGHEST_ADDRESS, what: string) => number(0, HIGHEST_ADDRESS[part], what);

const disk = z.union(
  [
    text('the path of a disk image').meta({ description: 'Path of the image, relative to this file' }),
    z
      .strictObject(
        {
          path: text('the path of a disk image').meta({ description: 'Path of the image, relative to this file' }),
          keep: flag('true or false').optional().meta({ description: 'Writes go to the image; otherwise they vanish' }),
          readOnly: flag('true or false').optional().meta({ description: 'The guest sees a write-protected disk' }),
          format: z
            .enum(DISK_FORMATS, { error: `one of ${DISK_FORMATS.join(', ')}` })
            .optional()
            .meta({ description: 'Without it the headers of the image decide' }),
          controller: address('controller', 'a storage controller').optional(),
          target: address('target', 'a SCSI target').optional(),
          lun: address('lun', 'a SCSI logical unit').optional(),
          iops: number(1, MOST_A_SECOND, 'requests a second')
            .optional()
            .meta({ description: 'Most requests a second' }),
          bandwidth: rate.optional(),
        },
        { error: 'the path of a disk image, or a mapping with "path"' },
      )
      .refine((value) => !(value.keep === true && value.readOnly === true), {
        error: 'only one of "keep" and "readOnly"',
        path: ['keep'],
      }),
  ],
  { error: 'the path of a disk image, or a mapping with "path"' },
);

const networkForm = 'a network as --net has it, such as "nat", or a mapping with "kind"';
const whole = (what: string) => z.int({ error: what }).min(0, { error: what }).optional();

const list = <T extends z.ZodType>(item: T, what: string, most: number) =>
  z.array(item, { error: `a list of ${what}` }).max(most, { error: `at most ${most} ${what}` });

const network = z
  .union(
    [
      text(networkForm).meta({ description: 'As after --net: nat,forward=2222:22' }),
      z.strictObject(
        {
          kind: z
            .enum(NETWORK_KINDS, { error: `one of ${NETWORK_KINDS.join(', ')}` })
            .meta({ description: 'What the adapter is plugged into' }),
          to: text('a name or a path')
            .optional()
            .meta({ description: 'Name or socket of a switch, socket of a stream, name of a TAP interface' }),
          mac: text('an address such as 02:52:6c:00:00:01').optional().meta({ description: 'Address of the adapter' }),
          mtu: number(576, 9000, 'an MTU').optional().meta({ description: 'Largest packet in bytes; 1500 otherwise' }),
          vlan: number(1, 4094, 'a VLAN').optional().meta({ description: 'VLAN of frames without a tag' }),
          trunk: list(number(1, 4094, 'a VLAN'), 'VLANs', 4094)
            .optional()
            .meta({ description: 'VLANs that pass with a tag' }),
          isolated: flag('true or false').optional().meta({ description: 'Reaches only ports that are not isolated' }),
          forward: list(text('two ports such as 2222:22'), 'forwarded ports', 256)
            .optional()
            .meta({ description: 'Ports of this host that lead to the guest: 2222:22, udp:5353:53' }),
          subnet: text('a network such as 10.0.2.0/24').optional().meta({ description: 'Addresses of the guests' }),
          hostname: text('a name').optional().meta({ description: 'Name that the guest is given' }),
          dns: list(text('an address'), 'name servers', 8)
            .optional()
            .meta({ description: "Name servers to ask, instead of the host's" }),
          'no-host': flag('true or false')
            .optional()
            .meta({ description: 'The guest does not reach services of this host' }),
          bandwidth: text('bits a second such as 100M').optional().meta({ description: 'Bits a second, each way' }),
          capture: text('the path of a file')
            .optional()
            .meta({ description: 'Capture file (pcapng) for every frame, relative to this file' }),
          loss: z
            .number({ error: 'a chance from 0 to 1' })
            .min(0, { error: 'a chance from 0 to 1' })
            .max(1, { error: 'a chance from 0 to 1' })
            .optional()
            .meta({ description: 'Chance of each frame to be lost, for tests' }),
          delay: whole('milliseconds').meta({ description: 'Milliseconds that each frame takes, for tests' }),
          seed: whole('a seed').meta({ description: 'Seed of what is lost' }),
        },
        { error: networkForm },
      ),
    ],
    { error: networkForm },
  )
  .transform((value, context): NetworkOption => {
    const meant = typeof value === 'string' ? readNetwork(value) : networkOf(value);
    if (typeof meant !== 'string') return meant;
    context.addIssue({ code: 'custom', message: `${networkForm}: ${meant}` });
    return z.NEVER;
  });

/** The fields of one machine. */
const fields = {
  guest: text('the path of the guest, a TypeScript or JavaScript file')
    .optional()
    .meta({ description: 'Path of the guest module, relative to this file' }),
  args: list(text('a word for the guest'), 'words for the guest', 256)
    .optional()
    .meta({ description: 'Words for the guest module' }),
  kernel: text('the path of an x86-64 kernel')
    .optional()
    .meta({ description: 'Path of a bzImage, vmlinux, Multiboot or PVH kernel, relative to this file' }),
  initrd: text('the path of an initial RAM disk')
    .optional()
    .meta({ description: "Path of the kernel's initial RAM disk, relative to this file" }),
  append: text("words for the kernel's command line")
    .optional()
    .meta({ description: "Words added to the kernel's command line" }),
  disks: list(disk, 'disks', 64).optional().meta({ description: 'Images the guest finds on its storage controller' }),
  networks: list(network, 'networks', 8).optional().meta({ description: 'What its network adapters are plugged into' }),
  devices: list(device, 'device files', 64).optional().meta({
    description: 'Files with a VSP as default export, relative to this file; and what their devices are told',
  }),
  display: z
    .string({ error: DISPLAY_FORM })
    .regex(/^(none|\d{3,4}x\d{3,4})$/, { error: DISPLAY_FORM })
    .refine((value) => displayOf(value) !== undefined, { error: DISPLAY_FORM })
    .transform((value) => displayOf(value)!)
    .optional()
    .meta({
      description: 'The screen that the guest is told of: 1280x1024; or none, which leaves out keyboard and mouse too',
    }),
  gdb: z
    .union([z.int().min(0).max(65_535), z.string()], { error: GDB_FORM })
    .transform((value, context): GdbOption => {
      const read = readGdb(String(value));
      if (read !== undefined) return read;
      context.addIssue({ code: 'custom', message: GDB_FORM });
      return z.NEVER;
    })
    .optional()
    .meta({ description: 'Where gdb may connect: a port, or the path of a socket; ",wait" behind it: begin there' }),
  cpus: number(1, 64, 'a count of virtual processors').optional().meta({ description: 'Virtual processors' }),
  memory: memory.optional(),
  onReset: z
    .enum(['restart', 'stop'], { error: '"restart" or "stop"' })
    .optional()
    .meta({ description: 'What a reset by the guest comes to: it starts again in place, or the run ends' }),
  harness: z
    .enum(['threads', 'lockstep'], { error: '"threads" or "lockstep"' })
    .optional()
    .meta({ description: 'threads: a worker for each processor; lockstep: one thread, virtual clock, repeatable' }),
  seed: number(0, 2 ** 32 - 1, 'a seed')
    .optional()
    .meta({ description: 'Seed of the lockstep harness' }),
  weight: number(1, 10_000, 'a weight')
    .optional()
    .meta({ description: 'Share of processor time beside other machines' }),
  cap: number(1, 100, 'a percentage')
    .optional()
    .meta({ description: 'Most of each processor that it may use, in percent' }),
  reserve: number(0, 100, 'a percentage')
    .optional()
    .meta({ description: 'Part of each processor that it is sure to get, in percent' }),
};

const nameError = 'a name of letters, digits, ".", "_" and "-", at most 63, that starts with a letter or digit';
const mapping = { error: 'a mapping of settings, such as "guest: ./hello.ts"' };

/** What editors are told of {@link runsOneThing}. */
const oneThing = {
  oneOf: [{ required: ['guest'] }, { required: ['kernel'] }],
  dependentRequired: { args: ['guest'], initrd: ['kernel'], append: ['kernel'] },
};

/** A machine runs a guest module or a kernel, and has what goes with that one. */
function runsOneThing<T extends z.ZodType<WhatRuns>>(machine: T): T {
  return machine.superRefine((value, context) => {
    const refuse = (key: keyof WhatRuns, message: string): void => {
      context.addIssue({ code: 'custom', path: [key], message });
    };
    if (value.guest === undefined && value.kernel === undefined) refuse('guest', '"guest" or "kernel"');
    if (value.guest !== undefined && value.kernel !== undefined) refuse('kernel', 'only one of "guest" and "kernel"');
    if (value.kernel !== undefined && value.args !== undefined) refuse('args', '"append": "args" go with "guest"');
    for (const key of ['initrd', 'append'] as const) {
      if (value.kernel === undefined && value[key] !== undefined) refuse(key, '"kernel" beside it');
    }
  });
}

interface WhatRuns {
  readonly guest?: string | undefined;
  readonly args?: readonly string[] | undefined;
  readonly kernel?: string | undefined;
  readonly initrd?: string | undefined;
  readonly append?: string | undefined;
}

/** A file that holds one machine. */
export const OneMachine = runsOneThing(
  z.strictObject(
    { name: z.string({ error: nameError }).regex(NAME_PATTERN, { error: nameError }).optional(), ...fields },
    mapping,
  ),
).meta({ title: 'One machine', ...oneThing });

/** A file that holds several: a mapping from name to machine. */
export const SeveralMachines = z
  .strictObject({
    machines: z
      .record(
        z.string().regex(NAME_PATTERN, { error: nameError }),
        runsOneThing(z.strictObject(fields, mapping)).meta(oneThing),
        {
          error: 'a mapping from a name to the settings of a machine',
        },
      )
      .refine((machines) => Object.keys(machines).length > 0, { error: 'at least one machine' })
      .refine((machines) => Object.keys(machines).length <= 256, { error: 'at most 256 machines' }),
  })
  .meta({ title: 'Several machines' });

/** One machine as the schema gives it: the paths are still as written. */
export type MachineFields = z.output<typeof OneMachine>;

/** Names of every setting of a machine, for suggestions. */
export const MACHINE_KEYS: readonly string[] = ['name', 'machines', ...Object.keys(fields)];
/** Names of every setting of a network. */
export const NETWORK_KEYS: readonly string[] = [...new Set(NETWORK_KINDS.flatMap((kind) => fieldsOf(kind)))];
/** Names of every setting of a device. */
export const DEVICE_KEYS: readonly string[] = ['path', 'options'];
/** Names of every setting of a memory. */
export const MEMORY_KEYS: readonly string[] = ['size', 'min', 'max', 'buffer'];
/** Names of every setting of a disk. */
export const DISK_KEYS: readonly string[] = [
  'path',
  'keep',
  'readOnly',
  'format',
  'controller',
  'target',
  'lun',
  'iops',
  'bandwidth',
];

/** A device file whose options are known. */
export interface DeviceForm {
  /** Its name without directories. */
  readonly file: string;
  /** JSON Schema of an object of its options. */
  readonly options: object;
}

/**
 * For each device that is known: when the path is its file's, these are the options. Said as conditions, because editors
 * complete from those; of alternatives that differ by a pattern they cannot tell which one is meant.
 */
function optionsByPath(devices: readonly DeviceForm[]): z.core.JSONSchema.BaseSchema[] {
  return devices.map(({ file, options }) => ({
    if: {
      type: 'object',
      properties: { path: { pattern: `(^|/)${file.replaceAll(/[^\w-]/g, '\\$&')}$` } },
      required: ['path'],
    },
    // oxlint-disable-next-line unicorn/no-thenable -- JSON Schema's word; nobody awaits a schema
    then: { properties: { options: options as z.core.JSONSchema.BaseSchema } },
  }));
}

/** The JSON Schema (draft 2020-12) of `machine.yaml`, for editors. @param devices - those whose options it is to know */
export function machineJsonSchema(devices: readonly DeviceForm[] = []): Record<string, unknown> {
  const schema = z.toJSONSchema(z.union([OneMachine, SeveralMachines]), {
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      if ((zodSchema as unknown) === device && devices.length > 0) jsonSchema.allOf = optionsByPath(devices);
    },
  });
  return {
    ...schema,
    title: 'Ringlet machine file',
    description: 'One machine, or several under "machines". Paths are relative to the file.',
  };
}
