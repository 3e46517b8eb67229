/** `limits.md`: every bound that the sources name, with its value as it stands there. */
import { ERROR_PAGES } from '../src/commands/error-pages.ts';
import { constantsOf, type Constant, shippedSources, sourceOf } from './source-tables.ts';

/** A bound that users and guests meet. */
type Row = readonly [what: string, path: string, name: string, reached: string];

const MICROKERNEL = 'microkernel/src/state/layout.ts';
const BUS = 'vmbus/src/root/limits.ts';
const STORAGE = 'root-partition/src/machine/machine-disks.ts';
const FULL = 'refused with `too-many-machines`; start it in a process of its own';

/** What is met first, by subject. The rest is listed below by package. */
const SECTIONS: readonly (readonly [title: string, rows: readonly Row[]])[] = [
  [
    'Machines and partitions',
    [
      ['machines of one process', 'ringlet/src/machine/system.ts', 'MOST_MACHINES', FULL],
      ['partitions of one process, the root included', MICROKERNEL, 'DEFAULT_LIMITS.partitions', FULL],
      ['processors of one machine', 'ringlet/src/machine/parts-of.ts', 'MOST_CPUS', 'refused with `cpus-invalid`'],
      ['processors of one child partition', MICROKERNEL, 'DEFAULT_LIMITS.vpsPerPartition', 'status InvalidVpIndex'],
      ['processors of one process', MICROKERNEL, 'DEFAULT_LIMITS.vps', 'status NoResources'],
      ['nodes of memory of one process', MICROKERNEL, 'DEFAULT_LIMITS.nodes', 'refused'],
      [
        'bytes of one node, which a machine and its processors share',
        'ringlet/src/host/memory.ts',
        'MOST_BYTES',
        'refused with `memory-unavailable`',
      ],
      [
        'guest pages that a partition can map',
        'microkernel/src/partition/partitions.ts',
        'MAX_GPA_PAGES',
        'the partition is not created',
      ],
    ],
  ],
  [
    'Hypervisor interface',
    [
      ['SINTs of a processor', 'microkernel/src/synic/layout.ts', 'SINT_COUNT', 'MSRs beyond fault'],
      ['event flags of a SINT', 'microkernel/src/synic/layout.ts', 'FLAGS_PER_SINT', 'status InvalidParameter'],
      ['synthetic timers of a processor', 'microkernel/src/synic/layout.ts', 'TIMER_COUNT', 'MSRs beyond fault'],
      [
        'messages that wait for one processor',
        'microkernel/src/synic/layout.ts',
        'MESSAGE_BUFFERS',
        'the sender gets InsufficientBuffers and tries again; counted as `refusedFull`',
      ],
      ['of them for one SINT', 'microkernel/src/synic/layout.ts', 'BUFFERS_PER_SINT', 'the same'],
      ['bytes of a message', 'microkernel/src/synic/layout.ts', 'MESSAGE_PAYLOAD_BYTES', 'status InvalidParameter'],
      [
        'ports, and connections, of a child partition',
        'microkernel/src/synic/ports.ts',
        'PER_PARTITION',
        'status InsufficientMemory',
      ],
      [
        'bytes of a crash message',
        'microkernel/src/msr/crash-registers.ts',
        'MAX_MESSAGE_BYTES',
        'the message is left out',
      ],
    ],
  ],
  [
    'VMBus, for each machine',
    [
      ['channels in use; the highest relid', BUS, 'MAX_RELID', 'later offers wait until an id is free'],
      [
        'offers',
        BUS,
        'defaultLimits.offers',
        'the device is refused with `too-many-devices`; subchannels are not offered',
      ],
      ['GPADLs of one channel', BUS, 'defaultLimits.gpadlsPerChannel', 'the GPADL is answered with a failure'],
      ['GPADLs', BUS, 'defaultLimits.gpadls', 'the same'],
      ['pages of all GPADLs', BUS, 'defaultLimits.gpadlPages', 'the same'],
      [
        'messages that wait for the guest',
        BUS,
        'defaultLimits.pendingMessages',
        'no more is read from the guest until it has emptied its slot',
      ],
      ['socket connects without an answer', BUS, 'defaultLimits.socketConnects', 'answered with a refusal'],
      ['monitor ids', BUS, 'MONITOR_IDS', 'later channels have no monitor bit: they signal by hypercall'],
      ['bytes of one bus message', 'vmbus/src/messages/catalogue.ts', 'MAX_MESSAGE_BYTES', 'ignored and counted'],
      [
        'bytes of one packet, footer included',
        'vmbus/src/ring/layout.ts',
        'LONGEST_PACKET_BYTES',
        'what does not fit its 16-bit length cannot be sent',
      ],
      [
        'waits for room of one ring',
        'vmbus/src/channel/room-queue.ts',
        'MOST_WAITING',
        'an error of the device: its channel is faulted',
      ],
      [
        'channels watched instead of rung',
        'vmbus/src/channel/watched-channels.ts',
        'MOST_WATCHED',
        'the others ring, as ever',
      ],
    ],
  ],
  [
    'Storage',
    [
      ['SCSI controllers of a machine', STORAGE, 'MOST_CONTROLLERS', 'refused with `disk-place-invalid`'],
      ['targets of a controller', STORAGE, 'MOST_TARGETS', 'the same'],
      ['LUNs of a target', STORAGE, 'MOST_LUNS', 'the same, or `disk-place-taken`'],
      [
        'requests of one unit at its disk',
        'root-partition/src/vsps/storage/storage-options.ts',
        'DEFAULT_QUEUE_DEPTH',
        'the rest waits in the unit’s queue',
      ],
      [
        'requests of one channel that are not answered',
        'root-partition/src/vsps/storage/lane.ts',
        'MOST_OUTSTANDING',
        'a unit beyond its share gets TASK SET FULL',
      ],
      [
        'bytes of one transfer, as announced',
        'root-partition/src/vsps/storage/storage-options.ts',
        'DEFAULT_MAX_TRANSFER',
        'the driver splits its requests',
      ],
      [
        'differencing disks on top of each other',
        'root-partition/src/backends/disk/open-disk.ts',
        'LONGEST_CHAIN',
        'refused with `disk-parent`',
      ],
      [
        'bytes of a VHDX',
        'root-partition/src/backends/disk/vhdx/layout.ts',
        'MOST_BYTES',
        'refused with `disk-invalid`',
      ],
      ['sectors of a VHD', 'root-partition/src/backends/disk/vhd/layout.ts', 'MOST_SECTORS', 'the same'],
      [
        'limit of requests or bytes a second',
        'ringlet/src/configuration/options.ts',
        'MOST_A_SECOND',
        'refused with `machine-file-invalid` or `disk-option-invalid`',
      ],
    ],
  ],
  [
    'Network',
    [
      [
        'adapters of a machine',
        'root-partition/src/machine/machine-network.ts',
        'MOST_NICS',
        'refused with `too-many-nics`',
      ],
      ['MTU', 'root-partition/src/vsps/network/network-options.ts', 'MOST_MTU', 'refused with `bad-mtu`'],
      [
        'channels of an adapter beside its first',
        'root-partition/src/vsps/network/network-options.ts',
        'MOST_SUBCHANNELS',
        'the guest gets fewer than it asks for',
      ],
      [
        'bytes of a section of the send buffer',
        'root-partition/src/vsps/network/buffers.ts',
        'SEND_SECTION',
        'longer packets name their pages instead',
      ],
      [
        'multicast addresses',
        'root-partition/src/vsps/network/packet-filter.ts',
        'MOST_MULTICAST',
        'status INVALID_DATA',
      ],
      [
        'entries of the table for receive-side scaling',
        'root-partition/src/vsps/network/receive-scaling.ts',
        'RSS_ENTRIES',
        'status INVALID_LENGTH',
      ],
      [
        'control answers that wait for room',
        'root-partition/src/vsps/network/control-path.ts',
        'MOST_WAITING',
        'the message is counted as a mistake and not answered',
      ],
      [
        'ports of one switch',
        'root-partition/src/backends/network/switch/switch.ts',
        'MOST_PORTS',
        'the next is refused',
      ],
      [
        'addresses that a switch remembers',
        'root-partition/src/backends/network/switch/mac-table.ts',
        'MOST_ADDRESSES',
        'frames to the others are flooded',
      ],
    ],
  ],
  [
    'Display, components, sockets',
    [
      [
        'MiB of video memory',
        'root-partition/src/vsps/video/resolutions.ts',
        'MOST_MIB',
        'refused with `display-too-large`',
      ],
      [
        'host files that wait to be copied',
        'root-partition/src/vsps/integration/file-copy.ts',
        'MAX_QUEUE',
        'refused with `copy-too-many`',
      ],
      [
        'keys of one pool',
        'root-partition/src/vsps/integration/key-value-exchange.ts',
        'MAX_ENTRIES',
        'the rest is not read',
      ],
      ['connections of hv_sock', 'root-partition/src/machine/machine-sockets.ts', 'MOST_CONNECTIONS', 'refused'],
      [
        'kinds of guest mistakes that are counted apart',
        'root-partition/src/machine/guest-error-log.ts',
        'MOST_KINDS',
        'counted as “other mistakes”',
      ],
      [
        'timers of a machine’s devices',
        'root-partition/src/machine/timer-queue.ts',
        'MOST_TIMERS',
        'an invariant: a device forgot to cancel',
      ],
    ],
  ],
  [
    'Control socket and command line',
    [
      ['callers at once', 'ringlet/src/control/server.ts', 'MOST_CONNECTIONS', 'the next is cut off'],
      [
        'requests of one caller under way',
        'ringlet/src/control/server.ts',
        'MOST_PENDING',
        'the request is answered with an error',
      ],
      ['bytes of one request', 'ringlet/src/control/json-rpc.ts', 'LONGEST_REQUEST', 'the caller is cut off'],
      [
        'bytes that wait for a caller',
        'ringlet/src/control/server.ts',
        'MOST_UNREAD',
        'it is cut off; the guest is not slowed down',
      ],
      [
        'characters of the console that late callers see',
        'ringlet/src/control/console-history.ts',
        'MOST_CHARACTERS',
        'the oldest are forgotten',
      ],
      ['bytes typed ahead', 'ringlet/src/machine/machine.ts', 'MOST_TYPED_AHEAD', 'refused with `typed-too-much`'],
      [
        'bytes of a machine file',
        'ringlet/src/configuration/machine-file.ts',
        'MOST_BYTES',
        'refused with `machine-file-too-large`',
      ],
    ],
  ],
];

/** What names a bound. */
const BOUND = /^(MOST|MAX|LONGEST|LARGEST|DEEPEST)_/;

export function limitsPage(): string {
  const cache = new Map<string, readonly Constant[]>();
  const constants = (path: string): readonly Constant[] => {
    if (!cache.has(path)) cache.set(path, constantsOf(path));
    return cache.get(path)!;
  };
  const shown = new Set<string>();
  const find = (path: string, name: string): Constant => {
    const found = constants(path).find((each) => each.name === name);
    if (found === undefined) throw new Error(`${path} has no constant ${name} whose value can be read`);
    shown.add(`${path} ${name}`);
    return found;
  };
  for (const [, , , reached] of SECTIONS.flatMap(([, rows]) => rows)) {
    for (const [, code] of reached.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)) {
      if (!Object.hasOwn(ERROR_PAGES, code!)) throw new Error(`there is no error ${code}`);
    }
  }
  const sections = SECTIONS.map(([title, rows]) =>
    [
      `## ${title}`,
      table(
        ['bound', 'value', 'when it is reached'],
        rows.map(([what, path, name, reached]) => [linked(what, path), number(find(path, name).value), reached]),
      ),
    ].join('\n\n'),
  );
  const rest = shippedSources()
    .filter((path) => /^(?:export )?const (?:MOST|MAX|LONGEST|LARGEST|DEEPEST)_/m.test(sourceOf(path)))
    .flatMap((path) => constants(path).filter(({ name }) => BOUND.test(name) && !shown.has(`${path} ${name}`)));
  const byPackage = grouped(rest, ({ path }) => path.split('/')[0]!);
  return [
    '---\ntitle: Limits\n---',
    '# Limits',
    'Made from the constants in the sources by the tests of `ringlet`; change them there.',
    'Every queue, table and list that a guest, a file or a caller can fill has a bound. A guest that reaches one is answered, counted and otherwise left alone; a user gets an [error](errors.md) with a code.',
    ...sections,
    '## Every other bound',
    'With the comment that stands beside it.',
    ...[...byPackage].map(([name, found]) =>
      [
        `### ${name}`,
        // A list: a new one changes one line.
        found
          .map(({ path, name: constant, value, comment }) => {
            const said = comment === '' ? path.replace(/^.*\//, '').replace(/\.ts$/, '').replaceAll('-', ' ') : comment;
            return `- ${linked(`\`${constant}\``, path)} **${number(value)}**: ${escaped(said)}`;
          })
          .join('\n'),
      ].join('\n\n'),
    ),
  ]
    .join('\n\n')
    .concat('\n');
}

function grouped<T>(items: readonly T[], key: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(key(item), [...(groups.get(key(item)) ?? []), item]);
  return groups;
}

/** A Markdown table, as prettier leaves it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((name, i) => Math.max(3, name.length, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  return [line(head), `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`, ...rows.map(line)].join('\n');
}

/** What Markdown and typedoc would take for formatting. */
export const escaped = (text: string): string => text.replaceAll(/[<>|*]/g, (each) => `\\${each}`);

const linked = (text: string, path: string): string => `[${text}](../../packages/${path})`;

const KIB = 1024;
const UNITS = [
  ['Ti', KIB ** 4],
  ['Gi', KIB ** 3],
  ['Mi', KIB ** 2],
  ['Ki', KIB],
] as const;

/** A number as people read it: with a unit where it is a whole number of those. */
function number(value: number): string {
  for (const [unit, size] of UNITS) {
    if (value >= 16 * KIB && value % size === 0 && value / size < 4096) return `${value / size} ${unit}`;
  }
  return value.toLocaleString('en-US');
}
