/** `ringlet device FILE`: what a device file declares, for people, editors and C compilers. */
import { UserError } from '@ringlet/wire';
import { cHeader } from '../kit/c-header.ts';
import { declaredPart, type DevicePageParts } from '../kit/device-page.ts';
import { describeDevice, type DeviceDescription, type DeviceOptionRow } from '../kit/describe-device.ts';
import { layoutOf } from '../kit/layout.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

/** How the description is wanted. */
export interface DeviceFlags {
  readonly header?: boolean;
  readonly page?: boolean;
  readonly json?: boolean;
}

/** Runs the command. */
export async function printDevice(file: string, flags: DeviceFlags, host: CommandHost): Promise<ExitCode> {
  if ([flags.header, flags.page, flags.json].filter(Boolean).length > 1) {
    throw new UserError('flag-conflict', '--header, --page and --json exclude each other', {
      hint: 'give one of them',
    });
  }
  const device = await describeDevice(file);
  host.out(flags.header === true ? header(device) : flags.json === true ? json(device) : text(device, flags));
  return ExitCode.Success;
}

function header({ file, protocol }: DeviceDescription): string {
  if (protocol !== undefined) return cHeader(protocol);
  throw new UserError('device-protocol-none', `${file} names no protocol`, {
    hint: 'declare one with protocol() of ringlet/device, and name it in the device: readonly protocol = Protocol',
  });
}

function json({ file, offer, schema, protocol }: DeviceDescription): string {
  const messages = protocol?.messages.map(({ struct, ...message }) => ({
    ...message,
    bytes: struct.size,
    fields: layoutOf(struct),
  }));
  const { name, interfaceId, instanceId } = offer ?? protocol ?? {};
  return `${JSON.stringify({ file, name, interfaceId, instanceId, options: schema, messages }, undefined, 2)}\n`;
}

function text(device: DeviceDescription, flags: DeviceFlags): string {
  const { file, offer, protocol, options } = device;
  const { name = file, interfaceId, instanceId } = offer ?? protocol ?? {};
  const parts: DevicePageParts = { name, file, options, protocol };
  if (flags.page === true) return `${declaredPart(parts)}\n`;
  const ids =
    interfaceId === undefined
      ? ['  needs options before it says more']
      : [`  interface  ${interfaceId}`, `  instance   ${instanceId}`];
  return [`${name}  ${file}`, ...ids, '', ...optionLines(file, options), ...packetLines(device), ''].join('\n');
}

function optionLines(file: string, options: readonly DeviceOptionRow[]): string[] {
  if (options.length === 0) return ['No options.'];
  const rows = options.map(({ name, type, needed, otherwise, about }) => {
    const without = needed ? 'needed' : otherwise === undefined ? '' : `${JSON.stringify(otherwise)} otherwise`;
    return [name, [type, without].filter(Boolean).join('; '), about];
  });
  return [`Options, as in --device ${file},${options[0]!.name}=…:`, ...columns(rows)];
}

function packetLines({ protocol }: DeviceDescription): string[] {
  if (protocol === undefined) return [];
  return [
    '',
    'Packets:',
    ...protocol.messages.flatMap(({ name, tag, from, about, struct }) => [
      `  ${name} (${tag}), ${from} to ${from === 'guest' ? 'host' : 'guest'}, ${struct.size} bytes: ${about}`,
      ...columns(layoutOf(struct).map((row) => [`  ${row.offset}`, row.name, row.type])),
    ]),
  ];
}

function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd());
}
