/** Kernels on the x86-64 processor that do everything wrong: they harm nobody but themselves. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createDisk } from '@ringlet/root-partition';
import type { Machine, MachineResult } from 'ringlet';
import { expect, onTestFinished, test } from 'vitest';
import { buildKernel, hasProgram } from '../../x64/tests/test-kernels.ts';
import { fixture, footprint, start, temporaryFolder, type Watched } from './machines.ts';

const MIB = 1024 * 1024;
/** Long by choice: RINGLET_HOSTILE_SECONDS=600. With RINGLET_HOSTILE_SEED the first kernel repeats a run. */
const SECONDS = Number(process.env['RINGLET_HOSTILE_SECONDS'] ?? 10);
const SEED = Number(process.env['RINGLET_HOSTILE_SEED'] ?? Date.now() % 1_000_000);
/** A life is followed by another, so that what one leaves behind is seen. */
const LIFE = Math.min(20, SECONDS / 2);
/** What a kernel does however slow the host is: enough to reach every device. */
const ROUNDS = 6;
/** Seconds that a kernel may take longer than it was told: the host may be busy with others. */
const PATIENCE = 60;
const KERNEL = fileURLToPath(new URL('./kernels/hostile', import.meta.url));
/** As the kernel calls them. */
const DEVICES = ['storage', 'network', 'video', 'keyboard', 'mouse', 'integration'];

test(
  'kernels that shout nonsense at the hypervisor and at every device disturb nobody',
  async (context) => {
    if (!hasProgram('gcc')) return context.skip('there is no gcc here');
    const folder = temporaryFolder();
    const kernel = join(folder, 'hostile.bin');
    writeFileSync(kernel, buildKernel(KERNEL));
    const image = join(folder, 'disk.vhdx');
    createDisk(image, { format: 'vhdx', size: 16 * MIB });
    const disks = [{ path: image }];
    const rejections = unhandledRejections();

    const before = footprint();
    const victim = await start({ name: 'victim', guest: fixture('disk-loop.ts'), disks });
    await victim.printed('going');
    const withVictim = footprint();
    const memory = new MemoryWatch();
    const lives: WeakRef<Machine>[] = [];

    const figures = new Map<string, number>();
    const errors = new Map<string, number>();
    const until = Date.now() + SECONDS * 1000;
    const unreached = (): string[] => DEVICES.filter((device) => !figures.get(`${device} answered`));
    for (let seed = SEED; Date.now() < until || (unreached().length > 0 && seed < SEED + 9); seed++) {
      const hostile = await start({
        name: `hostile ${seed}`,
        kernel,
        commandLine: `seed=${seed} seconds=${Math.ceil(LIFE)} rounds=${ROUNDS}`,
        memory: 64 * MIB,
        disks,
        networks: [{ kind: 'nat' }],
        onReset: 'stop',
      });
      const result = await endOf(hostile);
      // It ends by itself, unless a device that it sent there wrote over the kernel.
      process.stdout.write(`hostile kernel: ${JSON.stringify(result)}; ${hostile.console()}\n`);
      // A crash would be one of the host's threads.
      expect(['power-off', 'reset', 'killed']).toContain(result.reason);
      expect(hostile.console()).toContain(`seed ${seed}`);
      addFigures(figures, hostile.console());
      addErrors(errors, hostile);
      expect(hostile.events.filter(({ type }) => type === 'device-error')).toEqual([]);
      await hostile.machine.dispose();
      expect(footprint()).toEqual(withVictim);
      lives.push(new WeakRef(hostile.machine));
      process.stdout.write(`hostile kernel: left behind: ${JSON.stringify(await memory.leftBehind())}\n`);
    }
    memory.stop();
    const summary = { figures: Object.fromEntries(figures), errors: Object.fromEntries(errors), memory: memory.growth };
    process.stdout.write(`hostile kernels: ${JSON.stringify(summary)}\n`);

    // They came through to every device, and still did nothing but wrong.
    expect(unreached()).toEqual([]);
    expect(figures.get('messages answered')).toBeGreaterThan(0);
    expect(errors.size).toBeGreaterThan(0);
    expect(memory.growth).toBeLessThan(500);
    // Nobody holds one that is over. The last is still this function's.
    expect(lives.slice(0, -1).filter((life) => life.deref() !== undefined)).toEqual([]);

    await victim.machine.shutdown({ timeoutMs: 60_000 });
    expect(await victim.machine.finished).toEqual({ reason: 'power-off', code: 0 });
    expect(Number(/rounds (\d+)/.exec(victim.console())![1])).toBeGreaterThan(10);
    expect(victim.events.filter(({ type }) => type === 'device-error' || type === 'guest-error')).toEqual([]);
    await victim.machine.dispose();
    expect(footprint()).toEqual(before);
    expect(rejections).toEqual([]);
  },
  400_000 + SECONDS * 15_000,
);

/** How it ended; turned off when it has lost its way, which is its own affair as long as the machine still answers. */
async function endOf({ machine }: Watched): Promise<MachineResult> {
  const patience = new AbortController();
  const lost = sleep((LIFE + PATIENCE) * 1000, undefined, { signal: patience.signal }).then(async () => {
    process.stdout.write(`hostile kernel: lost: ${JSON.stringify(await machine.inspect('processors'))}\n`);
    await machine.powerOff();
    return machine.finished;
  });
  lost.catch(() => {});
  try {
    return await Promise.race([machine.finished, lost]);
  } finally {
    patience.abort();
  }
}

function unhandledRejections(): readonly unknown[] {
  const seen: unknown[] = [];
  const rejected = (reason: unknown): void => void seen.push(reason);
  process.on('unhandledRejection', rejected);
  onTestFinished(() => void process.off('unhandledRejection', rejected));
  return seen;
}

/** How much more memory this process takes up than when the watch began, in MiB. */
class MemoryWatch {
  readonly #began = process.memoryUsage();
  #most = 0;
  readonly #timer = setInterval(() => this.#look(), 250);

  constructor() {
    onTestFinished(() => this.stop());
  }

  /** What is still there once garbage has been collected. */
  async leftBehind(): Promise<Readonly<Record<keyof NodeJS.MemoryUsage, number>>> {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    // What a collection frees has finalizers, which let go of more.
    for (let time = 0; time < 3; time++) {
      collect();
      await sleep(50);
    }
    const now = process.memoryUsage();
    const more = (Object.keys(now) as (keyof NodeJS.MemoryUsage)[]).map((kind) => [
      kind,
      Math.round((now[kind] - this.#began[kind]) / MIB),
    ]);
    return Object.fromEntries(more) as Record<keyof NodeJS.MemoryUsage, number>;
  }

  /** At most, at any time. */
  get growth(): number {
    return Math.round(this.#most / MIB);
  }

  stop(): void {
    this.#look();
    clearInterval(this.#timer);
  }

  #look(): void {
    this.#most = Math.max(this.#most, process.memoryUsage().rss - this.#began.rss);
  }
}

/** Adds up the last figures of a kernel: `rounds 6, deeds 6000, storage 301 answered 122, …`. */
function addFigures(sums: Map<string, number>, console: string): void {
  const line = console.match(/^rounds .*$/gm)?.at(-1) ?? '';
  for (const [, name, count, answers] of line.matchAll(/(\w+) (\d+)(?: answered (\d+))?/g)) {
    sums.set(name!, (sums.get(name!) ?? 0) + Number(count));
    if (answers !== undefined) sums.set(`${name} answered`, (sums.get(`${name} answered`) ?? 0) + Number(answers));
  }
}

/** Adds what a kernel's devices had to say of it: each event tells how often it has been so far. */
function addErrors(sums: Map<string, number>, { events }: Watched): void {
  const last = new Map<string, number>();
  for (const event of events) if (event.type === 'guest-error') last.set(`${event.device}: ${event.what}`, event.count);
  for (const [what, count] of last) sums.set(what, (sums.get(what) ?? 0) + count);
}
