/** Images out of Debian's real packages, through the apt of this host; what is made of them boots in QEMU. */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '@ringlet/wire';
import { afterAll, beforeAll, expect, test, type TestContext } from 'vitest';
import { pull, type PullResult } from '../src/catalogue/pull.ts';
import { runCommandLine } from '../src/commands/program.ts';
import { DebianMirror } from './debian-mirror.ts';
import { RecordingHost } from './recording-host.ts';

const MINUTE = 60_000;
const NOBODY = 65534;

let cache: string;
let image: PullResult;
/** Why there is no image; a host without apt, or without a network, is no failure. */
let missing: string | undefined;
/** What the pull has changed of the host's own apt. */
let touched: string[];

beforeAll(async () => {
  cache = mkdtempSync(join(tmpdir(), 'ringlet-debian-'));
  chmodSync(cache, 0o755);
  if (!isThere('apt-get')) missing = 'this host has no apt';
  else {
    const host = stateOfApt();
    await pull('debian', { cache }).then(
      (result) => (image = result),
      (error: unknown) => {
        if (!(error instanceof UserError) || !['apt-failed', 'download-failed'].includes(error.code)) throw error;
        missing = `the packages cannot be fetched here: ${error.message}`;
      },
    );
    touched = stateOfApt().filter((line) => !host.includes(line));
  }
}, 5 * MINUTE);

afterAll(() => rmSync(cache, { recursive: true, force: true }));

test('apt vouches for the packages, and each is the one of its list', (context) => {
  need(context);
  expect(image.description).toMatchObject({ source: 'apt', signatures: 'checked' });
  expect(image.description.packages.map(({ name }) => name)).toEqual([
    `linux-image-${image.kernelVersion}`,
    'busybox-static',
    'perl-base',
    'libc6',
    'libcrypt1',
  ]);
  for (const { sha256 } of image.description.packages) {
    expect(sha256Of(readFileSync(join(cache, 'packages', `${sha256}.deb`)))).toBe(sha256);
  }
});

test("the host's own apt is as it was", (context) => {
  need(context);
  expect(touched).toEqual([]);
});

test(
  'what an earlier pull has left is gone on with, and thrown away when it is of something else',
  async (context) => {
    need(context);
    for (const { sha256, size } of image.description.packages) {
      const whole = readFileSync(join(cache, 'packages', `${sha256}.deb`));
      rmSync(join(cache, 'packages', `${sha256}.deb`));
      const left = size > 1 << 20 ? whole.subarray(0, size / 2) : Buffer.alloc(size, 'x');
      writeFileSync(join(cache, 'partial', `${sha256}.deb`), left);
    }
    const again = await pull('debian', { cache, force: true });
    expect(again.description.initrd).toEqual(image.description.initrd);
    expect(readdirSync(join(cache, 'partial'))).toEqual([]);
  },
  2 * MINUTE,
);

test('cpio reads the initial root file system', (context) => {
  need(context, 'cpio');
  const { stdout, status } = spawnSync('cpio', ['-t', '--quiet'], { input: readFileSync(image.initrd) });
  expect(status).toBe(0);
  const names = stdout.toString().split('\n');
  expect(names).toEqual(expect.arrayContaining(['init', 'bin/busybox', 'bin/sh', 'dev/console']));
  const modules = `lib/modules/${image.kernelVersion}/kernel/drivers`;
  for (const module of ['hv/hv_vmbus', 'scsi/hv_storvsc', 'net/hyperv/hv_netvsc', 'hv/hv_utils']) {
    expect(names).toContain(`${modules}/${module}.ko`);
  }
});

test(
  'it boots: a shell with job control on the console, drivers by modprobe, and "exit" powers off',
  async (context) => {
    need(context, 'qemu-system-x86_64');
    const machine = new Qemu(image);
    context.onTestFinished(() => machine.kill());
    await machine.says('~ # ');
    machine.type('sleep 1000 & jobs; echo "tty $(tty)"\n');
    await machine.says('Running');
    await machine.says('tty /dev/ttyS0');
    machine.type('modprobe overlay; modprobe sd_mod; lsmod\n');
    // Last come, first listed. Under QEMU the image has loaded drivers of virtio's disks, too.
    await machine.says(/overlay +\d+/);
    await machine.says(/scsi_mod +\d+ +\d+ [\w,]*sd_mod/);
    machine.type('exit\n');
    expect(await machine.ended).toBe(0);
    expect(machine.output).not.toMatch(/Kernel panic|can't access tty|not found/);
  },
  10 * MINUTE,
);

test(
  'a user without rights pulls the same bytes, through the command line',
  (context) => {
    need(context, 'setpriv');
    if (process.getuid?.() !== 0) return context.skip('only root can become somebody else');
    const nobody = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];
    const ringlet = fileURLToPath(new URL('../bin/ringlet.mjs', import.meta.url));
    if (spawnSync('setpriv', [...nobody, 'test', '-r', ringlet], { cwd: '/' }).status !== 0) {
      return context.skip(`others may not read ${ringlet}`);
    }
    const home = mkdtempSync(join(tmpdir(), 'ringlet-nobody-'));
    chmodSync(home, 0o777);
    try {
      const { stdout, stderr, status } = spawnSync(
        'setpriv',
        [...nobody, process.execPath, ringlet, 'pull', 'debian'],
        { cwd: '/', env: { PATH: process.env['PATH'], HOME: home }, encoding: 'utf8' },
      );
      expect({ status, stderr }).toMatchObject({ status: 0 });
      expect(stdout).toBe(`debian: Linux ${image.kernelVersion}, ${sizeOf(image)}, from apt\n`);
      const initrd = readFileSync(join(home, '.cache/ringlet/images/debian-bookworm-cloud/initrd'));
      expect(initrd.equals(readFileSync(image.initrd))).toBe(true);
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  },
  10 * MINUTE,
);

test(
  'a mirror with the same packages makes the same bytes, and says that nobody vouched for it',
  async (context) => {
    need(context);
    const [kernel, busybox, perl, libc, libcrypt] = image.description.packages.map(({ sha256 }) =>
      readFileSync(join(cache, 'packages', `${sha256}.deb`)),
    );
    const kernelName = `linux-image-${image.kernelVersion}`;
    const mirror = await DebianMirror.start({
      'linux-image-cloud-amd64': { deb: Buffer.from('not fetched'), depends: kernelName },
      [kernelName]: { deb: kernel! },
      'busybox-static': { deb: busybox! },
      'perl-base': { deb: perl! },
      libc6: { deb: libc! },
      libcrypt1: { deb: libcrypt! },
    });
    const other = mkdtempSync(join(tmpdir(), 'ringlet-mirror-'));
    try {
      const host = new RecordingHost({ XDG_CACHE_HOME: other });
      const words = ['pull', 'debian', '--mirror', mirror.url, '--no-signatures', '--json'];
      expect(await runCommandLine(words, host)).toBe(0);

      const lines = host.stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      expect(lines.at(-1)).toMatchObject({ type: 'image', made: true, description: { signatures: 'not-checked' } });
      expect(lines.filter(({ type }) => type === 'progress').length).toBeGreaterThan(5);
      const initrd = readFileSync(join(other, 'ringlet/images/debian-bookworm-cloud/initrd'));
      expect(initrd.equals(readFileSync(image.initrd))).toBe(true);
    } finally {
      await mirror.stop();
      rmSync(other, { recursive: true });
    }
  },
  2 * MINUTE,
);

/** Skips a test that needs what is not there. */
function need(context: TestContext, program?: string): void {
  if (missing !== undefined) context.skip(missing);
  if (program !== undefined && !isThere(program)) context.skip(`this host has no ${program}`);
}

function isThere(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
}

/** Everything of the host's own apt that a pull could have touched. */
function stateOfApt(): string[] {
  return ['/var/lib/apt/lists', '/var/lib/apt', '/var/cache/apt', '/var/cache/apt/archives', '/var/lib/dpkg'].map(
    (path) => `${path} ${statSync(path, { throwIfNoEntry: false })?.mtimeMs} ${readdirSync(path).join(' ')}`,
  );
}

function sha256Of(data: Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

function sizeOf({ description }: PullResult): string {
  return `${Number(((description.kernel.size + description.initrd.size) / 2 ** 20).toFixed(1))} MiB`;
}

/** A machine in QEMU, which has no bus of ours: what boots there owes nothing to our own processor or devices. */
class Qemu {
  output = '';
  readonly ended: Promise<number | null>;
  readonly #child;
  #seen = 0;
  #changed: () => void = () => undefined;

  constructor({ kernel, initrd, commandLine }: PullResult) {
    const machine = ['-M', 'pc', '-m', '256', '-nographic', '-no-reboot', '-net', 'none'];
    const boot = ['-kernel', kernel, '-initrd', initrd, '-append', `${commandLine} panic=-1`];
    this.#child = spawn('qemu-system-x86_64', [...machine, ...boot], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child.stdout.on('data', (piece: Uint8Array) => {
      this.output += String(piece);
      this.#changed();
    });
    this.ended = new Promise((done) =>
      this.#child.on('close', (code) => {
        done(code);
        this.#changed();
      }),
    );
  }

  type(text: string): void {
    this.#child.stdin.write(text);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  /** Waits until something is said that was not waited for before. */
  async says(what: string | RegExp): Promise<void> {
    for (;;) {
      const rest = this.output.slice(this.#seen);
      const found = typeof what === 'string' ? (rest.includes(what) ? what : undefined) : what.exec(rest)?.[0];
      if (found !== undefined) {
        this.#seen += rest.indexOf(found) + found.length;
        return;
      }
      if (this.#child.exitCode !== null) throw new Error(`it ended without saying ${String(what)}:\n${this.output}`);
      await new Promise<void>((done) => (this.#changed = done));
    }
  }
}
