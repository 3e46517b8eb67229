/** A device's page: what it is, what it can be told, what its packets say. Made from what its file declares. */
import type { ProtocolDescription } from '@ringlet/vmbus';
import { layoutOf } from './layout.ts';
import type { DeviceOptionRow } from './describe-device.ts';

const DIRECTIONS = { guest: 'guest to host', host: 'host to guest', both: 'both ways' } as const;

/** What a page is made of. */
export interface DevicePageParts {
  readonly name: string;
  /** The device's file, as commands name it. */
  readonly file: string;
  readonly options: readonly DeviceOptionRow[];
  readonly protocol: ProtocolDescription | undefined;
}

/** Options and packets as Markdown: the part of a device's page that its declarations decide. */
export function declaredPart({ file, options, protocol }: DevicePageParts): string {
  const sections = [optionsSection(file, options), ...(protocol === undefined ? [] : [packetsSection(protocol)])];
  return sections.join('\n\n');
}

function optionsSection(file: string, options: readonly DeviceOptionRow[]): string {
  if (options.length === 0) return '## Options\n\nNone.';
  const rows = options.map(({ name, type, needed, otherwise, about }) => [
    `\`${name}\``,
    type,
    needed ? 'needed' : otherwise === undefined ? 'none' : `\`${JSON.stringify(otherwise)}\``,
    about,
  ]);
  const example = `--device ${file},${options[0]!.name}=…`;
  return `## Options\n\n\`${example}\`, or under \`devices:\` of a machine file.\n\n${table(['option', 'is', 'without it', 'what for'], rows)}`;
}

function packetsSection({ interfaceId, instanceId, messages }: ProtocolDescription): string {
  const parts = messages.map(({ name, tag, from, about, struct }) => {
    const rows = layoutOf(struct).map((row) => [
      `${row.offset}`,
      `${row.size}`,
      `\`${row.name}\``,
      row.name === 'tag' ? `u32: ${tag}` : row.type,
    ]);
    const title = `### ${name}: ${DIRECTIONS[from]}`;
    return `${title}\n\n${about}.\n\n${table(['offset', 'bytes', 'field', 'is'], rows)}`;
  });
  const ids = `Interface \`${interfaceId}\`, instance \`${instanceId}\`. Numbers are little-endian.`;
  return ['## Packets', ids, ...parts].join('\n\n');
}

/** A Markdown table with even columns. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => row[column]!.length)));
  const line = (row: readonly string[]): string => `| ${row.map((cell, i) => cell.padEnd(widths[i]!)).join(' | ')} |`;
  const [first, ...others] = cells;
  return [line(first!), line(widths.map((width) => '-'.repeat(width))), ...others.map(line)].join('\n');
}
