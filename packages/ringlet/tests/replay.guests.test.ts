/**
 * A Debian that is typed at and writes to its disk, recorded by one process and replayed by another: the same bytes, and the
 * same memory at the end.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ReplaySession } from 'ringlet';
import { expect, onTestFinished, test } from 'vitest';
import { DebianGuests } from './debian-guest.ts';
import { ROOT } from './machines.ts';

const debian = new DebianGuests();
const LAUNCHER = join(ROOT, 'packages/ringlet/bin/ringlet.mjs');
const PROMPT = '~ # ';

interface Played {
  readonly status: number | null;
  /** What the guest printed. */
  readonly console: string;
  readonly events: readonly { readonly type: string; readonly [name: string]: unknown }[];
}

/** Runs `ringlet run --json`, and types a line at each prompt. */
async function play(words: readonly string[], lines: readonly string[] = []): Promise<Played> {
  const run = join(debian.folder, 'run');
  mkdirSync(run, { recursive: true });
  const child = spawn(process.execPath, [LAUNCHER, 'run', '--json', ...words], {
    cwd: ROOT,
    env: { ...process.env, RINGLET_RUN_DIR: run },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const waiting = [...lines];
  const events: Played['events'][number][] = [];
  let [text, console, asked] = ['', '', 0];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const parts = (text + chunk).split('\n');
    text = parts.pop()!;
    for (const part of parts) {
      const event = JSON.parse(part) as Played['events'][number];
      if (event.type === 'console') console += event['text'] as string;
      else events.push(event);
    }
    const at = console.indexOf(PROMPT, asked);
    if (at < 0 || waiting.length === 0) return;
    asked = at + PROMPT.length;
    child.stdin.write(`${waiting.shift()!}\n`);
  });
  const status = await new Promise<number | null>((ended) => child.once('close', ended));
  return { status, console, events };
}

/** Makes the guest's kernel forget what it has read of its disks. */
const READ_AGAIN = 'echo 3 > /proc/sys/vm/drop_caches';

const textOf = (parameters: object): string =>
  Buffer.from((parameters as { base64?: string }).base64 ?? '', 'base64').toString();

const told = ({ events }: Played, type: string): Record<string, unknown> | undefined =>
  events.find((event) => event.type === type);

test('Debian on two processors, typed at, happens again to the byte in another process', async (context) => {
  const { kernel, initrd, commandLine } = await debian.image(context, 'debian');
  const file = join(debian.folder, 'debian.rec');
  const disk = join(debian.folder, 'disk.raw');
  const traces = ['recorded', 'replayed'].map((name) => join(debian.folder, `${name}.pcapng`));
  writeFileSync(disk, Buffer.alloc(2 * 1024 * 1024, 'written before'));
  const words = ['--kernel', kernel, '--initrd', initrd, '--append', commandLine, '--cpus', '2', '--disk', disk];
  const recorded = await play(
    [...words, '--lockstep', '--seed', '11', '--record', file, '--checkpoint-every', '1s', '--trace', traces[0]!],
    [
      'head -c 16 /dev/urandom | od -An -tx1',
      'dd if=/dev/urandom of=/dev/sda bs=1536 seek=7 count=200 && sync',
      'date +%s.%N; cat /proc/interrupts',
      `${READ_AGAIN}; md5sum /dev/sda`,
      'poweroff -f',
    ],
  );
  const replayed = await play(['--replay', file, '--trace', traces[1]!]);

  expect(recorded.status).toBe(0);
  expect(recorded.console).toMatch(/smp: Brought up 1 node, 2 CPUs/);
  expect(recorded.console).toMatch(/^( [0-9a-f]{2}){16}/m);
  expect(recorded.console).toMatch(/^[0-9a-f]{32} {2}\/dev\/sda/m);
  expect(replayed.console).toBe(recorded.console);
  expect(replayed.status).toBe(0);
  const [first, second] = traces.map((trace) => readFileSync(trace));
  expect(first!.length).toBeGreaterThan(1024 * 1024);
  expect(second!.equals(first!)).toBe(true);
  const { step, time, state } = told(recorded, 'recorded')!;
  expect(state).toMatch(/^[0-9a-f]{64}$/);
  expect(told(replayed, 'replayed')).toMatchObject({ step, time, state });

  // Any point of it, back and forth: what is there is what was there, and what comes after it is what came.
  const session = await ReplaySession.open(file);
  onTestFinished(() => session.dispose());
  const visits: { readonly step: number; readonly seen: unknown }[] = [];
  const look = () => ({
    position: session.position,
    digest: session.digest(),
    registers: [0, 1].map((processor) => session.registers(processor)),
    console: session.console,
  });
  // After the disk was written, and before that is looked at.
  const looks = session.inputs.findIndex(({ parameters }) => textOf(parameters).startsWith(READ_AGAIN));
  for (const point of [{ step: Math.floor((step as number) * 0.5) }, { input: looks + 1 }]) {
    await session.to(point);
    visits.push({ step: session.position.step, seen: look() });
  }
  expect(session.checkpoints.filter((each) => each.step < visits[0]!.step).length).toBeGreaterThan(0);

  for (const visit of visits.toReversed()) {
    await session.to({ step: visit.step - 1 });
    await session.to({ step: visit.step });
    expect(look()).toEqual(visit.seen);
    if (visit !== visits[1]) continue;
    // What the checkpoint has of the disk is what is read then.
    await session.to('end');
    expect(session.console).toBe(recorded.console);
  }
  expect(new Set(visits.map(({ seen }) => (seen as ReturnType<typeof look>).digest)).size).toBe(2);
  const count = session.position.instructions + 1_000_000;
  await session.to({ instruction: count });
  expect(session.position.instructions).toBeGreaterThanOrEqual(count);
  const { rip } = session.registers(session.next);
  expect(session.readMemory(rip!, 4, session.next)).toHaveLength(4);
}, 600_000);
