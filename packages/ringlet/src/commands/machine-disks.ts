/** `ringlet disk ls|attach|detach|resize`: the disks of a running machine. */
import { resolve } from 'node:path';
import { UserError } from '@ringlet/wire';
import { z } from 'zod';
import { parseDiskFlag } from '../configuration/disk-flag.ts';
import { HIGHEST_ADDRESS } from '../configuration/options.ts';
import { formatSize, parseSize } from '../configuration/size.ts';
import type { ControlClient } from '../control/client.ts';
import type { DiskPlace } from '../control/controllable.ts';
import { ExitCode } from './exit-code.ts';
import type { CommandHost } from './host.ts';
import { withMachine } from './with-machine.ts';

/** Closing an image may have to wait for what is being written. */
const ANSWER_MS = 60_000;

const Place = z.object({ controller: z.number(), target: z.number(), lun: z.number() });
const Disks = z.record(
  z.string(),
  z.looseObject({
    image: z.string(),
    kind: z.string(),
    sectorSize: z.number(),
    sectorCount: z.number(),
    readOnly: z.boolean(),
  }),
);

/** Lists the disks. */
export async function listDisks(
  name: string,
  flags: { readonly json?: boolean },
  host: CommandHost,
): Promise<ExitCode> {
  const disks = await withMachine(name, host, disksOf);
  for (const [place, disk] of Object.entries(disks)) {
    const { image, kind, sectorSize, sectorCount, readOnly } = disk;
    const bytes = sectorSize * sectorCount;
    if (flags.json === true) host.out(`${JSON.stringify({ place, bytes, ...disk })}\n`);
    else host.out(`${place}  ${formatSize(bytes)}  ${kind}${readOnly ? ', read-only' : ''}  ${image}\n`);
  }
  return ExitCode.Success;
}

/** Adds a disk, written as for `run --disk`. */
export async function attachDisk(
  name: string,
  disk: string,
  flags: { readonly json?: boolean },
  host: CommandHost,
): Promise<ExitCode> {
  const { path, ...options } = parseDiskFlag(disk);
  const place = Place.parse(
    await withMachine(name, host, (client) =>
      client.call('attachDisk', { path: resolve(path), ...options }, ANSWER_MS),
    ),
  );
  if (flags.json === true) host.out(`${JSON.stringify({ place: placeText(place), ...place, path: resolve(path) })}\n`);
  else host.err(`${name} has ${path} as disk ${placeText(place)}\n`);
  return ExitCode.Success;
}

/** Takes a disk away. */
export async function detachDisk(name: string, disk: string, host: CommandHost): Promise<ExitCode> {
  await withMachine(name, host, async (client) => {
    await client.call('detachDisk', { ...(await placeOf(disk, client)) }, ANSWER_MS);
  });
  host.err(`${name} no longer has ${disk}\n`);
  return ExitCode.Success;
}

/** Gives a disk another size. */
export async function resizeDisk(name: string, disk: string, size: string, host: CommandHost): Promise<ExitCode> {
  const bytes = parseSize(size, 'SIZE');
  await withMachine(name, host, async (client) => {
    await client.call('resizeDisk', { ...(await placeOf(disk, client)), bytes }, ANSWER_MS);
  });
  host.err(`${disk} of ${name} has ${formatSize(bytes)} now\n`);
  return ExitCode.Success;
}

async function disksOf(client: ControlClient): Promise<z.infer<typeof Disks>> {
  return Disks.parse(await client.call('inspect', { path: 'disks' }, ANSWER_MS));
}

/** Where a disk hangs that is named by its place, or by its image where only one has it. */
async function placeOf(disk: string, client: ControlClient): Promise<DiskPlace> {
  const numbers = /^(?:(\d{1,3}):(\d{1,3}):)?(\d{1,3})$/.exec(disk)?.slice(1);
  if (numbers !== undefined) {
    const [controller, target, lun] = numbers.map((part) => Number(part ?? 0)) as [number, number, number];
    const { controller: most, target: mostTarget, lun: mostLun } = HIGHEST_ADDRESS;
    if (controller <= most && target <= mostTarget && lun <= mostLun) return { controller, target, lun };
  }
  const all = Object.entries(await disksOf(client));
  const found = all.filter(([, { image }]) => image === resolve(disk)).map(([place]) => place);
  if (found.length === 1) return placeOf(found[0]!, client);
  const there = all.map(([place, { image }]) => `${place} ${image}`).join(', ') || 'none';
  throw new UserError('no-such-disk', `${found.length === 0 ? 'no disk' : 'more than one disk'} is ${disk}`, {
    hint: `give CONTROLLER:TARGET:UNIT or a path; there are: ${there}`,
  });
}

function placeText({ controller, target, lun }: DiskPlace): string {
  return `${controller}:${target}:${lun}`;
}
