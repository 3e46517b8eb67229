/**
 * Three ways to run the workloads of `guest/workloads.c`: on the host, and as the first program of Debian's cloud kernel
 * under QEMU's own processor in software (TCG) and under Ringlet. Each is a process that prints; what it prints gets the
 * time at which it arrived here.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const source = fileURLToPath(new URL('./guest/workloads.c', import.meta.url));
const ringlet = fileURLToPath(new URL('../packages/ringlet/bin/ringlet.mjs', import.meta.url));

const MEMORY_MIB = 512;
/** The program's place in the initial RAM disk. */
const PROGRAM = 'bench';
/** What every guest is told: the image's own words, without the time that a boot spends on testing ciphers. */
const WORDS = ['console=ttyS0', 'cryptomgr.notests', `rdinit=/${PROGRAM}`];
/** What Ringlet's processor has, of what this QEMU can leave out or put in. */
const QEMU_PROCESSOR = 'qemu64,-svm,+erms,+rdtscp';
const QEMU_STREAMS = ['-nodefaults', '-no-user-config', '-display', 'none', '-monitor', 'none', '-serial', 'stdio'];
/** QEMU with that processor, one of them, translated by one thread; nothing else but a serial console on its streams. */
export const QEMU_MACHINE: readonly string[] = [
  ...QEMU_STREAMS,
  '-machine',
  'q35',
  '-accel',
  'tcg,thread=single',
  '-cpu',
  QEMU_PROCESSOR,
];
const MOST_SECONDS = 600;

/** Files that the guests start from. */
export interface Files {
  readonly folder: string;
  /** The workload program, for the host. */
  readonly program: string;
  readonly kernel: string;
  /** The image's initial RAM disk alone, and with the program behind it. */
  readonly imageInitrd: string;
  readonly initrd: string;
}

/** Compiles the program and packs it behind the image's initial RAM disk. @throws what is missing, for people */
export async function prepareFiles(): Promise<Files> {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const image = join(cache, 'ringlet', 'images', 'debian-bookworm-cloud');
  const kernel = join(image, 'kernel');
  const imageInitrd = join(image, 'initrd');
  const folder = mkdtempSync(join(tmpdir(), 'ringlet-bench-'));
  try {
    mkdirSync(join(folder, 'run'));
    const program = join(folder, PROGRAM);
    await run('gcc', ['-static', '-O2', '-o', program, source, '-lm']);
    const pack = promisifiedInput('cpio', ['-o', '-H', 'newc', '--quiet'], folder, `${PROGRAM}\n`);
    const initrd = join(folder, 'initrd');
    const whole = readFileSync(imageInitrd);
    // The kernel looks for the next archive at a multiple of four bytes.
    const padding = Buffer.alloc(-whole.length & 3);
    writeFileSync(initrd, Buffer.concat([whole, padding, await pack]));
    readFileSync(kernel);
    return { folder, program, kernel, imageInitrd, initrd };
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    throw cause;
  }
}

function promisifiedInput(command: string, words: readonly string[], cwd: string, input: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = execFile(command, words, { cwd, encoding: 'buffer' }, (error, stdout) =>
      error ? reject(error) : resolve(stdout),
    );
    child.stdin!.end(input);
  });
}

/** What a run of the program came to. Times are seconds. */
export interface WorkloadRun {
  /** From starting the process to the program's first line. */
  readonly ready: number;
  readonly workloads: ReadonlyMap<string, { readonly seconds: number; readonly check: string }>;
}

/** Told of each mark of the program as it arrives: `ready`, `begin NAME`, `end NAME`. */
type OnMark = (mark: string) => void;

/** Runs the program on the host. */
export function runNative(files: Files): Promise<WorkloadRun> {
  return watch(spawn(files.program));
}

/** Runs it under QEMU. */
export function runQemu(files: Files): Promise<WorkloadRun> {
  const memory = ['-m', String(MEMORY_MIB), '-no-reboot'];
  const boot = ['-kernel', files.kernel, '-initrd', files.initrd, '-append', WORDS.join(' ')];
  return watch(
    spawn('qemu-system-x86_64', [...QEMU_MACHINE, ...memory, ...boot], { stdio: ['ignore', 'pipe', 'pipe'] }),
  );
}

/** Runs it under Ringlet. */
export async function runRinglet(
  files: Files,
  onMark: (mark: string, machine: RingletMachine) => void,
): Promise<WorkloadRun> {
  const machine = startRinglet(files, { initrd: files.initrd, words: WORDS, cpus: 1 });
  try {
    return await watch(machine.process, (mark) => onMark(mark, machine));
  } finally {
    await machine.stop();
  }
}

/** A machine in a process of its own, started by the command line as a user does it. */
export interface RingletMachine {
  readonly process: ChildProcess;
  readonly memoryBytes: number;
  /** Asks its control socket. */
  inspect(path: string): Promise<unknown>;
  stop(): Promise<void>;
}

let machines = 0;

/** Starts a machine. */
export function startRinglet(
  files: Files,
  { initrd, words, cpus }: { readonly initrd: string; readonly words: readonly string[]; readonly cpus: number },
): RingletMachine {
  const name = `bench${++machines}`;
  const directory = join(files.folder, 'run');
  const boot = ['--kernel', files.kernel, '--initrd', initrd, '--append', words.join(' ')];
  const machine = ['--memory', `${MEMORY_MIB}M`, '--cpus', String(cpus), '--name', name];
  const child = spawn(process.execPath, [ringlet, 'run', ...boot, ...machine], {
    env: { ...process.env, RINGLET_RUN_DIR: directory },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  return {
    process: child,
    memoryBytes: MEMORY_MIB * 1024 * 1024,
    inspect: (path) => ask(join(directory, `${name}.sock`), 'inspect', { path }),
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** One request to a control socket. */
function ask(socket: string, method: string, params: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const connection = createConnection(socket);
    let received = '';
    connection.on('error', reject);
    connection.on('close', () => reject(new Error(`${socket} closed`)));
    connection.on('data', (chunk: Buffer) => {
      received += chunk.toString();
      if (!received.includes('\n')) return;
      const { result, error } = JSON.parse(received) as { result?: unknown; error?: { message: string } };
      if (error) reject(new Error(error.message));
      else resolve(result);
      connection.destroy();
    });
    connection.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method, params })}\n`);
  });
}

const MARKS = /workloads (ready|done)|(begin) ([a-z0-9 ]+)\r?\n|(end) ([a-z ]+[0-9]*) [0-9]+ ([0-9a-f]+)\r?\n/g;

/** Puts times to the marks that a process prints, until the last one; then ends the process. */
function watch(child: ChildProcess, onMark: OnMark = () => {}): Promise<WorkloadRun> {
  const started = performance.now();
  const since = () => (performance.now() - started) / 1000;
  const workloads = new Map<string, { seconds: number; check: string }>();
  const begun = new Map<string, number>();
  let ready = 0;
  let printed = '';
  let seen = 0;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(new Error(`not done after ${MOST_SECONDS} s`)), MOST_SECONDS * 1000);
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      if (error) reject(new Error(`${error.message}: ${printed.slice(-400)}`));
      else resolve({ ready, workloads });
    };
    child.on('error', finish);
    child.on('exit', () => finish(new Error('the program ended early')));
    child.stderr?.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    child.stdout!.on('data', (chunk: Buffer) => {
      const now = since();
      printed += chunk.toString();
      MARKS.lastIndex = seen;
      for (let match = MARKS.exec(printed); match; match = MARKS.exec(printed)) {
        seen = MARKS.lastIndex;
        const [, whole, begin, beginning, end, ending, check] = match;
        if (whole === 'ready') ready = now;
        if (begin) begun.set(beginning!, now);
        if (end) workloads.set(ending!, { seconds: now - begun.get(ending!)!, check: check! });
        onMark(whole ?? (begin ? `begin ${beginning}` : `end ${ending}`));
        if (whole === 'done') return finish();
      }
    });
  });
}
