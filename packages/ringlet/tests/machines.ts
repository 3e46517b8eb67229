/** Real machines for tests: started, watched, and gone when the test is over, however it ends. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Machine, type MachineEvent, type MachineOptions, type MachineResult, type MachineState } from 'ringlet';
import { onTestFinished } from 'vitest';
import { sharedSystem } from '../src/machine/system.ts';

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Path of an example. */
export const example = (name: string): string => join(ROOT, 'examples', name);
/** Path of a guest or device that belongs to these tests. */
export const fixture = (name: string): string => fileURLToPath(new URL(`./guests/${name}`, import.meta.url));

/** A folder that is removed when the test is over. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ringlet-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes a guest whose main function has `body`, with `guest` in scope. @returns its path */
export function guestWith(body: string): string {
  return moduleWith(`export default async function main(guest) {\n${body}\n}\n`);
}

/** Writes a module. @returns its path */
export function moduleWith(source: string, name = 'module.ts'): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, source);
  return path;
}

/** For `expect.poll`: as long as a busy host may need. */
export const PATIENTLY = { timeout: 20_000, interval: 10 } as const;

/** What the machines of this process take up in its microkernel: to be compared with an earlier one. */
export function footprint(): unknown {
  const { partitionsInUse, vpsInUse, nodes, partitions } = sharedSystem().kernel.inspect() as {
    partitionsInUse: number;
    vpsInUse: number;
    nodes: Record<string, unknown>;
    partitions: Record<number, { ports: object; connections: object }>;
  };
  const { ports, connections } = partitions[1]!;
  return { partitionsInUse, vpsInUse, nodes, ports, connections };
}

/** A machine and all that was seen of it. */
export interface Watched {
  readonly machine: Machine;
  readonly states: readonly MachineState[];
  readonly events: readonly MachineEvent[];
  /** What the guest has printed so far. */
  readonly console: () => string;
  /** Resolves when the guest has printed `text`; rejects when it has ended without. */
  readonly printed: (text: string) => Promise<void>;
  /** Resolves with the first event that fits, past ones included. */
  readonly seen: <Type extends MachineEvent['type']>(
    type: Type,
    fits?: (event: Extract<MachineEvent, { type: Type }>) => boolean,
  ) => Promise<Extract<MachineEvent, { type: Type }>>;
}

/** Disposes a machine when the test is over. One that the test has disposed itself is not held until then. */
function disposeInTheEnd(machine: Machine): void {
  let left: Machine | undefined = machine;
  machine.state$.subscribe({ complete: () => (left = undefined) });
  onTestFinished(() => left?.dispose());
}

/** Makes a machine, without starting it. */
export function watch(options: MachineOptions): Watched {
  const machine = new Machine({ memory: 8 * 1024 * 1024, ...options });
  disposeInTheEnd(machine);
  const states: MachineState[] = [];
  const events: MachineEvent[] = [];
  let console = '';
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const until = <T>(look: () => T | undefined, what: string): Promise<T> =>
    new Promise((resolve, reject) => {
      const listener = (): void => {
        const found = look();
        if (found === undefined) return;
        listeners.delete(listener);
        resolve(found);
      };
      listeners.add(listener);
      listener();
      void machine.finished.then((result) =>
        reject(new Error(`ended before ${what}: ${JSON.stringify(result)}; it had printed: ${console}`)),
      );
    });
  machine.state$.subscribe((state) => states.push(state));
  machine.console$.subscribe((text) => {
    console += text;
    changed();
  });
  machine.events$.subscribe((event) => {
    events.push(event);
    changed();
  });
  return {
    machine,
    states,
    events,
    console: () => console,
    printed: async (text) => void (await until(() => console.includes(text) || undefined, `it printed ${text}`)),
    seen: (type, fits = () => true) =>
      until(
        () =>
          events.find((event): event is Extract<MachineEvent, { type: typeof type }> => {
            return event.type === type && fits(event as Extract<MachineEvent, { type: typeof type }>);
          }),
        `there was an event ${type}`,
      ),
  };
}

/** Starts a machine. */
export async function start(options: MachineOptions): Promise<Watched> {
  const watched = watch(options);
  await watched.machine.start();
  return watched;
}

/** Runs a machine to its end. */
export async function run(options: MachineOptions): Promise<Watched & { readonly result: MachineResult }> {
  const watched = await start(options);
  return { ...watched, result: await watched.machine.finished };
}
