/** The machines that run now: finds them by their sockets, and clears away the sockets of those that died. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@ringlet/wire';
import { z } from 'zod';
import { nearMiss } from '../configuration/near-miss.ts';
import { ControlClient } from './client.ts';
import { socketPath } from './directory.ts';
import { probe, removeStale } from './stale.ts';

/** How long a machine may take to describe itself before it counts as silent. */
const ANSWER_MS = 2_000;

/** What a machine says of itself. A newer ringlet may say more. */
export const Description = z.object({
  name: z.string(),
  state: z.string(),
  pid: z.number(),
  uptimeMs: z.number(),
  guest: z.string(),
  image: z.string().optional(),
  kind: z.string().optional(),
  cpus: z.number(),
  memory: z.number(),
  heartbeat: z.string().optional(),
  /** Bytes that the guest has, and says it needs. */
  assigned: z.number().optional(),
  demand: z.number().optional(),
  /** What the guest says of itself. */
  system: z.looseObject({}).optional(),
});
export type Description = z.output<typeof Description>;

/** Every machine that answers, by name. A machine that runs but does not answer in time is left out and left alone. */
export async function runningMachines(directory: string): Promise<Description[]> {
  const files = readdirSync(directory).filter((file) => file.endsWith('.sock'));
  const found = await Promise.all(files.map((file) => describe(join(directory, file))));
  return found.filter((description) => description !== undefined).toSorted((a, b) => a.name.localeCompare(b.name));
}

/** Connects to the machine `name`. @throws UserError `machine-not-found`. */
export async function openMachine(directory: string, name: string): Promise<ControlClient> {
  const path = socketPath(directory, name);
  try {
    return await ControlClient.open(path);
  } catch (cause) {
    if ((await probe(path)) === 'refused') await removeStale(path);
    const names = (await runningMachines(directory)).map((machine) => machine.name);
    const meant = nearMiss(name, names);
    const others = names.length === 0 ? 'no machine runs; start one with ringlet run GUEST --detach' : undefined;
    throw new UserError('machine-not-found', `no machine called "${name}" is running`, {
      hint: others ?? (meant === undefined ? `these run: ${names.join(', ')}` : `did you mean "${meant}"?`),
      cause,
    });
  }
}

/** The only running machine's name. @throws UserError `machine-not-chosen` when there is none, or more than one. */
export async function onlyMachine(directory: string): Promise<string> {
  const [first, ...others] = await runningMachines(directory);
  if (first !== undefined && others.length === 0) return first.name;
  const names = [first, ...others].map((machine) => machine?.name).join(', ');
  throw new UserError('machine-not-chosen', first === undefined ? 'no machine is running' : 'several machines run', {
    hint: first === undefined ? 'start one: ringlet run GUEST --detach' : `name one of them: ${names}`,
  });
}

/** A name that no running machine has: `wanted`, or `wanted-2`, `wanted-3`… */
export async function freeName(directory: string, wanted: string): Promise<string> {
  for (let number = 1; ; number++) {
    const name = number === 1 ? wanted : `${wanted}-${number}`;
    if ((await probe(socketPath(directory, name))) !== 'alive') return name;
  }
}

async function describe(path: string): Promise<Description | undefined> {
  let client: ControlClient;
  try {
    client = await ControlClient.open(path);
  } catch {
    if ((await probe(path)) === 'refused') await removeStale(path);
    return undefined;
  }
  try {
    return Description.safeParse(await client.call('describe', {}, ANSWER_MS)).data;
  } catch {
    return undefined;
  } finally {
    client.close();
  }
}
