/** `support.md`: what is spoken, from the tables and the switches of the code that speaks it. */
import { Oid, RndisType, VideoMessage, VstorOperation, VstorVersion } from '@ringlet/protocols';
import { IntegrationService, KeyboardMessage, MouseMessage, NvspType, NvspVersion, ScsiOp } from '@ringlet/protocols';
import { escaped, table } from './limits-page.ts';
import { keysOf, moduleAt, namesServed, sourceOf } from './source-tables.ts';

interface Row {
  readonly name: string;
  readonly code: number;
  readonly privilege: number | undefined;
  readonly rep?: unknown;
  readonly outputSize: number;
}

interface Msr {
  readonly name: string;
  readonly read?: unknown;
  readonly write?: unknown;
}

interface MessageRow {
  readonly type: number;
  readonly direction: string;
  readonly since: number;
  readonly body: { readonly size: number };
}

interface Version {
  readonly value: number;
  readonly name: string;
}

interface Device {
  readonly name: string;
  readonly ports: readonly (readonly [number, number])[];
}

const NETWORK = 'root-partition/src/vsps/network';
const STORAGE = 'root-partition/src/vsps/storage';

export async function supportPage(): Promise<string> {
  const sections: (readonly [title: string, about: string, ...parts: string[]])[] = [
    [
      'VMBus',
      'Versions, newest first, and messages by number. What needs a version that is not in the list is declared and refused.',
      ...(await bus()),
    ],
    ['Hypercalls', 'Any other code is answered with InvalidHypercallCode.', await hypercalls()],
    [
      'MSRs',
      'Any other register faults. MSRs of an x86-64 processor that the core keeps to itself (EFER, STAR, FS and GS bases, PAT, TSC…) do not come here.',
      await msrs(),
    ],
    ['CPUID', 'Any other leaf is zeros.', await cpuid()],
    [
      'Storage',
      `vstor ${Object.values(VstorVersion)
        .map((v) => `${v >> 8}.${v & 255}`)
        .join(', ')}.`,
      ...storage(),
    ],
    ['Network', `NVSP ${Object.values(NvspVersion).map(nvspName).join(', ')}.`, ...network()],
    ['Integration components', 'Framework and message versions; the newest that both ends know is used.', components()],
    ['Display, keyboard and mouse', 'Messages of the synthetic devices that a guest may send.', ...input()],
    ['I/O ports', 'Of a machine with x86-64 processors. Others read all ones.', await ports()],
    ['ACPI', 'Of the same machine.', acpi()],
  ];
  return [
    '---\ntitle: What is supported\n---',
    '# What is supported',
    'Made from the tables in the code by the tests of `ringlet`; change them there. The instructions of the processor have [a page of their own](instructions.md); how much there can be of each thing is under [limits](limits.md).',
    ...sections.map(([title, about, ...parts]) => [`## ${title}`, about, ...parts].join('\n\n')),
  ]
    .join('\n\n')
    .concat('\n');
}

async function bus(): Promise<string[]> {
  const { messages } = await moduleAt<{ messages: Record<string, MessageRow> }>('vmbus/src/messages/catalogue.ts');
  const { versions } = await moduleAt<{ versions: readonly Version[] }>('vmbus/src/messages/version.ts');
  const oldest = versions.at(-1)!;
  const since = (value: number): string => {
    if (value === 0) return 'always';
    return versions.find((each) => each.value === value)?.name ?? `${value >> 16}.${value & 0xffff}, not negotiated`;
  };
  return [
    `Versions: ${versions.map(({ name }) => name).join(', ')}.`,
    table(
      ['number', 'message', 'sent by', 'since', 'bytes'],
      Object.entries(messages).map(([name, { type, direction, since: value, body }]) => [
        `${type}`,
        name,
        direction === 'to-root' ? 'guest' : 'root',
        value === oldest.value ? oldest.name : since(value),
        `${8 + body.size}`,
      ]),
    ),
  ];
}

async function hypercalls(): Promise<string> {
  const { hypercalls: rows } = await moduleAt<{ hypercalls: ReadonlyMap<number, Row> }>(
    'microkernel/src/hypercall/table.ts',
  );
  const { Privilege } = await moduleAt<{ Privilege: Record<string, number> }>(
    'microkernel/src/partition/privileges.ts',
  );
  const named = (privilege: number | undefined): string =>
    Object.entries(Privilege).find(([, bit]) => bit === privilege)?.[0] ?? '';
  return table(
    ['code', 'call', 'form', 'privilege'],
    [...rows.values()]
      .toSorted((a, b) => a.code - b.code)
      .map(({ code, name, rep, outputSize, privilege }) => [
        hex(code, 4),
        name,
        rep === undefined ? (outputSize > 0 ? 'simple, with output' : 'simple') : 'rep',
        named(privilege),
      ]),
  );
}

async function msrs(): Promise<string> {
  const { registers } = await moduleAt<{ registers: ReadonlyMap<number, Msr> }>('microkernel/src/msr/registers.ts');
  return table(
    ['index', 'register', 'access'],
    [...registers]
      .toSorted(([a], [b]) => a - b)
      .map(([index, { name, read, write }]) => [
        hex(index, 8),
        escaped(name),
        `${read === undefined ? '' : 'read'}${read !== undefined && write !== undefined ? ', ' : ''}${write === undefined ? '' : 'write'}`,
      ]),
  );
}

async function cpuid(): Promise<string> {
  const { leaves } = await moduleAt<{ leaves: ReadonlyMap<number, unknown> }>('microkernel/src/cpuid/leaves.ts');
  const { CpuidModel } = await moduleAt<{
    CpuidModel: new (options: { features: readonly string[]; vps: number }) => {
      fill(vp: object, leaf: number, subleaf: number, out: Uint32Array): void;
      readonly features: ReadonlySet<string>;
    };
  }>('microkernel/src/cpuid/model.ts');
  const { X64_FEATURES } = await moduleAt<{ X64_FEATURES: readonly string[] }>('ringlet/src/machine/x64-features.ts');
  const model = new CpuidModel({ features: X64_FEATURES, vps: 2 });
  const out = new Uint32Array(4);
  const asked = [...range(0, 0x20), ...range(0x8000_0000, 0x8000_0020)].filter((leaf) => {
    model.fill({ index: 1, apicEnabled: true, cpuid: () => {} }, leaf, 0, out.fill(0));
    return out.some((word) => word !== 0);
  });
  const hypervisor = [...leaves.keys()].filter((leaf) => leaf >= 0x4000_0000);
  return [
    `Of the hypervisor: ${hypervisor.map((leaf) => hex(leaf, 8)).join(', ')}.`,
    `Of the processor: ${asked.map((leaf) => hex(leaf, 8)).join(', ')}.`,
    `Features: ${[...model.features].map((name) => `\`${name}\``).join(', ')}.`,
  ].join('\n\n');
}

function storage(): string[] {
  const both = namesServed(`${STORAGE}/scsi/logical-unit.ts`, 'ScsiOp');
  const disk = namesServed(`${STORAGE}/scsi/disk-unit.ts`, 'ScsiOp');
  const drive = namesServed(`${STORAGE}/scsi/dvd-unit.ts`, 'ScsiOp');
  // The common part also looks at commands for reservations: those it runs are the ones before the fallback.
  const primary = new Set([...both].filter((name) => PRIMARY.test(name)));
  const target = namesServed(`${STORAGE}/target-commands.ts`, 'ScsiOp');
  const served = (name: string, unit: Set<string>): string =>
    unit.has(name) || primary.has(name) || target.has(name) ? 'yes' : '';
  const operations = new Set([
    ...namesServed(`${STORAGE}/storage-vsp.ts`, 'VstorOperation'),
    ...namesServed(`${STORAGE}/negotiation.ts`, 'VstorOperation'),
  ]);
  return [
    table(
      ['operation', 'packet', 'from the guest'],
      Object.entries(VstorOperation).map(([name, value]) => [`${value}`, name, operations.has(name) ? 'served' : '']),
    ),
    'SCSI commands. A command that a unit does not have is answered with ILLEGAL REQUEST, invalid operation code.',
    table(
      ['code', 'command', 'disk', 'DVD drive'],
      Object.entries(ScsiOp).map(([name, value]) => [hex(value, 2), name, served(name, disk), served(name, drive)]),
    ),
  ];
}

/** Commands of SPC-4 that every unit runs. */
const PRIMARY = /^(TestUnitReady|RequestSense|Inquiry|Mode(Sense|Select)(6|10)|PersistentReserve(In|Out))$/;

function network(): string[] {
  const messages = new Set([
    ...namesServed(`${NETWORK}/negotiation.ts`, 'NvspType'),
    ...namesServed(`${NETWORK}/network-vsp.ts`, 'NvspType'),
  ]);
  const control = namesServed(`${NETWORK}/rndis-control.ts`, 'RndisType');
  const queries = keysOf(`${NETWORK}/oid-queries.ts`, 'Oid');
  const settings = keysOf(`${NETWORK}/oid-settings.ts`, 'Oid');
  return [
    table(
      ['number', 'NVSP message', 'from the guest'],
      Object.entries(NvspType).map(([name, value]) => [`${value}`, name, messages.has(name) ? 'served' : '']),
    ),
    table(
      ['type', 'RNDIS message', 'from the guest'],
      Object.entries(RndisType).map(([name, value]) => [
        hex(value, 8),
        name,
        control.has(name) || name === 'Packet' ? 'served' : '',
      ]),
    ),
    'OIDs. Any other is answered with NOT_SUPPORTED.',
    table(
      ['OID', 'name', 'query', 'set'],
      Object.entries(Oid).map(([name, value]) => [
        hex(value, 8),
        name,
        queries.has(name) ? 'yes' : '',
        settings.has(name) ? 'yes' : '',
      ]),
    ),
  ];
}

function components(): string {
  const versions = (all: readonly { major: number; minor: number }[]): string =>
    all.map(({ major, minor }) => `${major}.${minor}`).join(', ');
  return table(
    ['component', 'message type', 'framework', 'messages', 'interface'],
    Object.entries(IntegrationService).map(([name, { type, framework, message, interfaceId }]) => [
      name,
      `${type}`,
      versions(framework),
      versions(message),
      `\`${interfaceId}\``,
    ]),
  );
}

function input(): string[] {
  const of = (path: string, named: string, messages: Readonly<Record<string, number>>): string => {
    const served = namesServed(path, named);
    return table(
      ['number', named.replace('Message', ' message'), 'from the guest'],
      Object.entries(messages).map(([name, value]) => [`${value}`, name, served.has(name) ? 'served' : '']),
    );
  };
  return [
    of('root-partition/src/vsps/video/video.ts', 'VideoMessage', VideoMessage),
    of('root-partition/src/vsps/keyboard/keyboard.ts', 'KeyboardMessage', KeyboardMessage),
    of('root-partition/src/vsps/mouse/mouse.ts', 'MouseMessage', MouseMessage),
  ];
}

async function ports(): Promise<string> {
  const { Platform } = await moduleAt<{
    Platform: { new (world: object): { ports: { devices: readonly Device[] } }; createState(): SharedArrayBuffer };
  }>('root-partition/src/platform/platform.ts');
  const nothing = (): void => {};
  const { devices } = new Platform({
    state: Platform.createState(),
    clock: { now: () => 0 },
    wallClock: () => 0,
    output: () => true,
    debugOutput: nothing,
    interrupt: () => false,
    powerOff: nothing,
    reset: nothing,
    exit: nothing,
  }).ports;
  const rows = devices.flatMap(({ name, ports: runs }) => runs.map(([first, count]) => ({ name, first, count })));
  return table(
    ['ports', 'device'],
    rows
      .toSorted((a, b) => a.first - b.first)
      .map(({ name, first, count }) => [
        count === 1 ? hex(first, 4) : `${hex(first, 4)} to ${hex(first + count - 1, 4)}`,
        name.replaceAll('-', ' '),
      ]),
  );
}

function acpi(): string {
  const files = ['acpi', 'dsdt', 'fadt', 'madt'].map((name) => `root-partition/src/boot/acpi/${name}.ts`);
  const signatures = files.flatMap((path) =>
    [...sourceOf(path).matchAll(/\btable\('([A-Z]{4})'/g)].map((match) => match[1]!),
  );
  return `Tables: ${['RSDP', ...signatures].map((name) => `\`${name}\``).join(', ')}.`;
}

const range = (first: number, end: number): number[] => Array.from({ length: end - first }, (_, i) => first + i);

const hex = (value: number, digits: number): string => `0x${value.toString(16).padStart(digits, '0')}`;

/** Older versions are a number and a "2"; newer ones major and minor. */
const nvspName = (version: number): string =>
  version < 0x4_0000
    ? `${version === 2 ? 1 : version >> 16 === 3 ? 2 : version}`
    : `${version >> 16}${(version & 0xffff) === 0 ? '' : `.${version & 0xffff}`}`;
