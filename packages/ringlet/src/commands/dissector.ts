/** `ringlet dissector`: the Wireshark dissector of traces, with the protocols of a user's own devices. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type DeviceLayouts, protocolLayouts, type ProtocolDescription } from '@ringlet/vmbus';
import { UserError } from '@ringlet/wire';
import { bundle } from '../host/bundle.ts';
import { describeDevice } from '../kit/describe-device.ts';
import { dissectorOf } from '../trace/dissector.ts';
import { traceTable } from '../trace/trace-layouts.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';

/** Runs the command. */
export async function printDissector(
  flags: { readonly device?: readonly string[] },
  host: CommandHost,
): Promise<ExitCode> {
  const devices = await Promise.all((flags.device ?? []).map(layoutsOf));
  host.out(dissectorOf(traceTable(devices.flat()), host.version));
  return ExitCode.Success;
}

/** The protocols that a device file exports, or that a device made from it has. */
async function layoutsOf(file: string): Promise<DeviceLayouts[]> {
  const path = resolve(file);
  if (!existsSync(path)) {
    throw new UserError('device-not-found', `no device at ${path}`, { hint: 'check the path' });
  }
  const code = await bundle('device', `export * as device from ${JSON.stringify(path)};`);
  const { device } = (await import(code.href)) as { device: Readonly<Record<string, unknown>> };
  const found = Object.values(device).flatMap((each) => {
    if (isProtocol(each)) return [each];
    const { protocol } = (each ?? {}) as { protocol?: unknown };
    return isProtocol(protocol) ? [protocol] : [];
  });
  if (found.length === 0 && typeof device['default'] === 'function') {
    const { protocol } = await describeDevice(file);
    if (protocol !== undefined) found.push(protocol);
  }
  if (found.length > 0) return [...new Set(found)].map(protocolLayouts);
  throw new UserError('device-without-protocol', `${file} exports no protocol`, {
    hint: 'declare what its packets say, and export it: export const Protocol = protocol({ … })',
  });
}

function isProtocol(value: unknown): value is ProtocolDescription {
  return typeof value === 'object' && value !== null && 'messages' in value && 'interfaceId' in value;
}
