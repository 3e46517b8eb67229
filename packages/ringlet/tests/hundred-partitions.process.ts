/**
 * Runs many machines in this process and measures what stays behind. Started by the test of the same name with
 * `--expose-gc`; prints one line of JSON.
 *
 * Arguments: the disk image, the SHA-256 of its first MiB, how many machines, and whether all of them are to be alive at
 * once (`together`) or only those in flight (`apart`).
 */
import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Machine } from 'ringlet';
import { sharedSystem } from '../src/machine/system.ts';

const [image = '', sha256 = '', count = '100', together = 'together'] = process.argv.slice(2);
const guest = fileURLToPath(new URL('./guests/disk-worker.ts', import.meta.url));
const IN_FLIGHT = 16;
const WARM_UP = 16;
const MIB = 1024 * 1024;

/** Runs `each` for 0 … n - 1, at most {@link IN_FLIGHT} at a time. */
async function flights(n: number, each: (index: number) => Promise<void>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let index = next++; index < n; index = next++) await each(index);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
}

async function started(index: number): Promise<Machine> {
  const args = [sha256, String(index + 1)];
  const machine = new Machine({ name: `worker ${index}`, guest, args, disks: [{ path: image }], memory: 8 * MIB });
  await machine.start();
  await new Promise<void>((resolve, reject) => {
    machine.console$.subscribe((text) => text.includes('done') && resolve());
    void machine.finished.then((result) =>
      reject(new Error(`machine ${index} ended early: ${JSON.stringify(result)}`)),
    );
  });
  return machine;
}

async function ended(machine: Machine): Promise<void> {
  await machine.shutdown({ timeoutMs: 30_000 });
  const result = await machine.finished;
  if (result.reason !== 'power-off' || result.code !== 0) throw new Error(`${machine.name}: ${JSON.stringify(result)}`);
  await machine.dispose();
}

async function runAll(n: number): Promise<void> {
  if (together === 'apart') return flights(n, async (index) => ended(await started(index)));
  const machines: Machine[] = [];
  await flights(n, async (index) => void machines.push(await started(index)));
  most = measure();
  await flights(n, (index) => ended(machines[index]!));
}

interface Measurement {
  readonly rssMiB: number;
  readonly heapMiB: number;
  readonly sharedMiB: number;
  readonly threads: number;
  readonly files: number;
  readonly awake: number;
  readonly microkernel: Record<string, unknown>;
}

function measure(): Measurement {
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  const { partitionsInUse, vpsInUse, nodes, partitions } = sharedSystem().kernel.inspect() as {
    partitionsInUse: number;
    vpsInUse: number;
    nodes: Record<string, unknown>;
    partitions: Record<string, { ports: object; connections: object }>;
  };
  const root = partitions['1']!;
  return {
    rssMiB: Math.round(rss / MIB),
    heapMiB: Math.round(heapUsed / MIB),
    sharedMiB: Math.round(arrayBuffers / MIB),
    threads: entries('/proc/self/task'),
    files: entries('/proc/self/fd'),
    awake: Atomics.load(new Int32Array(sharedSystem().access.awake), 0),
    microkernel: {
      partitionsInUse,
      vpsInUse,
      nodes: Object.keys(nodes).length,
      rootPorts: Object.keys(root.ports).length,
      rootConnections: Object.keys(root.connections).length,
    },
  };
}

/** Where there is no /proc there is nothing to compare. */
function entries(folder: string): number {
  try {
    return readdirSync(folder).length;
  } catch {
    return 0;
  }
}

/** Garbage is collected in more than one go: what a finalizer drops is garbage of the next. */
async function atRest(): Promise<Measurement> {
  for (let round = 0; round < 5; round++) {
    (globalThis as { gc?: () => void }).gc!();
    await delay(20);
  }
  return measure();
}

let most: Measurement | undefined;
// The first machines bring what stays: the compiler's process, the host's own threads, code that became hot.
await runAll(WARM_UP);
const before = await atRest();
const began = performance.now();
await runAll(Number(count));
const seconds = (performance.now() - began) / 1000;
const after = await atRest();
process.stdout.write(`${JSON.stringify({ seconds, before, most, after })}\n`);
