/** What somebody does who has only installed it: `npm run test:newcomer`. */
import { existsSync, lstatSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { echoKernel } from './echo-kernel.ts';
import { ROOT } from './machines.ts';
import { PackedInstall } from './packed-install.ts';

const MINUTE = 60_000;
const PATIENTLY = { timeout: 2 * MINUTE, interval: 50 };

let install: PackedInstall;
beforeAll(() => {
  install = new PackedInstall();
}, 10 * MINUTE);
// Thousands of small files: on a busy disk that takes its time.
afterAll(() => install.remove(), 5 * MINUTE);

const PACKAGES = readdirSync(join(ROOT, 'packages')).map((name) => (name === 'ringlet' ? name : `@ringlet/${name}`));

test('packages bring what runs and its types, and nothing that only the repository needs', () => {
  for (const name of PACKAGES) {
    const folder = install.package(name);
    expect(lstatSync(folder).isSymbolicLink()).toBe(false);
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    expect(files).toContain('LICENSE');
    const ours = /^(src|dist)\/.*\.test\.[jt]s$|tsbuildinfo$|(^|\/)\.|^(tests|scripts|assembly|fuzz)\//;
    expect(files.filter((file) => ours.test(file))).toEqual([]);
    const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
      exports: Record<string, string | Record<string, string>>;
    };
    const paths = Object.values(exports).flatMap((entry) =>
      typeof entry === 'string' ? [entry] : Object.values(entry),
    );
    expect(paths.filter((path) => !existsSync(join(folder, path)))).toEqual([]);
  }
  expect(existsSync(join(install.package('@ringlet/x64'), 'wasm/core.wasm'))).toBe(true);
});

test(
  'its commands are there, its tour goes well, and its processor runs a kernel',
  async () => {
    expect(await install.npx('ringlet', '--help')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('Usage: ringlet'),
    });
    expect(await install.npx('ringlet', 'tour')).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('All went well'),
    });
    writeFileSync(join(install.folder, 'kernel'), echoKernel());
    const words = ['run', '--kernel', 'kernel', '--expect', '>', '--timeout', '2m'];
    expect(await install.npx('ringlet', ...words)).toMatchObject({ status: 0, stdout: '>\n' });
  },
  5 * MINUTE,
);

test(
  'a device: made, checked, tested, run, changed while its guest runs, and both of it found in the trace',
  async () => {
    const made = await install.npx('ringlet', 'new', 'device', 'greeter');
    expect(made).toMatchObject({ status: 0, stdout: expect.stringContaining('npx ringlet run greeter.guest.ts') });

    // Types resolve, from the installed packages.
    expect(await install.npx('tsc', '--noEmit')).toMatchObject({ status: 0, stdout: '' });
    const tests = await install.start(process.execPath, '--import', 'tsx', '--test', 'greeter.test.ts').ended;
    expect(tests.stdout).toContain('# pass 7\n# fail 0\n');

    const words = ['run', 'greeter.guest.ts', '--device', 'greeter.ts', '--watch', '--', '--follow'];
    const running = install.start('ringlet', ...words);
    await expect.poll(running.stdout, PATIENTLY).toContain('21 -> 42, answer 1\n');

    // The first trace of a machine switches tracing on: what it knows of is from then on.
    const trace = install.start('ringlet', 'trace', 'greeter', '--follow', '--filter', 'device=greeter');
    await expect.poll(() => answersOf(trace.stdout()), PATIENTLY).toContainEqual({ by: 'factor' });

    const file = join(install.folder, 'greeter.ts');
    const first = readFileSync(file, 'utf8');
    const changed = first.replace('question.value * this.#factor', 'question.value + 1000');
    writeFileSync(file, changed.replace('packet(', 'packet('.repeat(2)));
    await expect.poll(running.stderr, PATIENTLY).toMatch(/greeter\.ts is not reloaded[^]*guest-not-compiled/);
    writeFileSync(file, changed);
    await expect.poll(running.stdout, PATIENTLY).toContain('21 -> 1021, answer ');
    await expect.poll(() => answersOf(trace.stdout()), PATIENTLY).toContainEqual({ by: 'sum' });
    trace.interrupt();
    await trace.ended;
    expect(running.stderr()).toContain('greeter.ts: the new version is offered to greeter');

    const counts = [...running.stdout().matchAll(/answer (\d+)\n/g)].map((match) => Number(match[1]));
    expect(counts).toEqual(counts.map((_, i) => i + 1));
    running.interrupt();
    expect((await running.ended).status).toBe(130);
  },
  5 * MINUTE,
);

/** What a trace shows of questions and their answers: by which version of the device. */
function answersOf(trace: string): { by: 'factor' | 'sum' | 'nobody' }[] {
  return [...trace.matchAll(/→ ASK value=(\d+)\n.*← ANSWER value=(\d+) count=\d+\n/g)].map(([, asked, answered]) => {
    if (Number(answered) === 2 * Number(asked)) return { by: 'factor' };
    return { by: Number(answered) === Number(asked) + 1000 ? 'sum' : 'nobody' };
  });
}
