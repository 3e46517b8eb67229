/** One Debian, with hv_storvsc and hv_netvsc under Ringlet or with virtio under QEMU TCG: from its start to its last figure. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DATA_BYTES, type LinuxFiles } from './linux-files.ts';
import { QEMU_MACHINE } from './x64-machines.ts';

const ringlet = fileURLToPath(new URL('../packages/ringlet/bin/ringlet.mjs', import.meta.url));
const MEMORY_MIB = 512;
const MOST_SECONDS = 900;

/** What runs in the guest is told. */
export interface GuestWork {
  /** Each measurement's length. */
  readonly seconds: number;
  /** Ports of 127.0.0.1 of the host, where somebody listens. */
  readonly iperfPort?: number;
  readonly pingpongPort?: number;
}

/** What a machine's run came to. */
export interface LinuxRun {
  /** Seconds from starting the process to `login:`. */
  readonly login: number;
  /** What the guest says, by name: see `guest/devices.sh`. */
  readonly said: ReadonlyMap<string, string>;
  /** Seconds that went by for the guest in one of the host's, between its first line and its last. */
  readonly clock: number;
}

/** Runs it under QEMU. */
export function linuxInQemu(files: LinuxFiles, work: GuestWork): Promise<LinuxRun> {
  const boot = ['-kernel', files.kernel, '-initrd', files.initrd, '-append', files.words, '-no-reboot'];
  const root = ['-drive', `id=root,if=none,file=${files.root},format=vhdx,snapshot=on`];
  const data = ['-drive', `id=data,if=none,file=${files.data},format=raw,readonly=on`];
  const disks = [...root, '-device', 'virtio-blk-pci,drive=root', ...data, '-device', 'virtio-blk-pci,drive=data'];
  const network = ['-netdev', 'user,id=net', '-device', 'virtio-net-pci,netdev=net'];
  const words = [...QEMU_MACHINE, '-m', String(MEMORY_MIB), ...boot, ...disks, ...network];
  return session(spawn('qemu-system-x86_64', words, { stdio: 'pipe' }), work);
}

let machines = 0;

/** Runs it under Ringlet. */
export function linuxInRinglet(files: LinuxFiles, work: GuestWork): Promise<LinuxRun> {
  const boot = ['--kernel', files.kernel, '--initrd', files.initrd, '--append', files.words];
  const devices = ['--disk', files.root, '--disk', `${files.data},ro`, '--net', 'nat', '--display', 'none'];
  const machine = ['--memory', `${MEMORY_MIB}M`, '--cpus', '1', '--name', `linux${++machines}`];
  const env = { ...process.env, RINGLET_RUN_DIR: join(files.folder, 'run') };
  return session(
    spawn(process.execPath, [ringlet, 'run', ...boot, ...devices, ...machine], { env, stdio: 'pipe' }),
    work,
  );
}

/** What is typed at the shell: the data disk is the one of that size, and a tar archive is what it begins with. */
function command({ seconds, iperfPort, pingpongPort }: GuestWork): string {
  const find = `disk=/dev/$(lsblk -bdno NAME,SIZE | awk '$2 == ${DATA_BYTES} { print $1 }')`;
  const unpack = 'mkdir /tmp/b && tar -xf $disk -C /tmp/b';
  return `${find}; ${unpack} && sh /tmp/b/devices.sh $disk ${seconds} ${iperfPort ?? '-'} ${pingpongPort ?? '-'}\n`;
}

const FIGURE = /^bench: (\S+) ?(.*?)\r*\n/gm;

/** Logs in, types the command, and collects figures until the last one; then ends the process. */
function session(child: ChildProcess, work: GuestWork): Promise<LinuxRun> {
  const started = performance.now();
  const since = () => (performance.now() - started) / 1000;
  const said = new Map<string, string>();
  const at = new Map<string, number>();
  let login = 0;
  let typed = false;
  let printed = '';
  let seen = 0;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => finish(new Error(`not done after ${MOST_SECONDS} s`)), MOST_SECONDS * 1000);
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      child.kill('SIGKILL');
      if (error) return reject(new Error(`${error.message}: ${printed.slice(-600)}`));
      const guestSeconds = Number(said.get('clock-end')) - Number(said.get('clock-begin'));
      resolve({ login, said, clock: guestSeconds / (at.get('clock-end')! - at.get('clock-begin')!) });
    };
    child.on('error', finish);
    child.on('exit', () => finish(new Error('the machine ended early')));
    child.stdin!.on('error', () => {}); // It ended: 'exit' tells.
    child.stderr!.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    child.stdout!.on('data', (chunk: Buffer) => {
      const now = since();
      printed += chunk.toString();
      if (login === 0) {
        if (!printed.includes('login: ')) return;
        login = now;
        seen = printed.length;
        child.stdin!.write('root\n');
      } else if (!typed && printed.slice(seen).includes(':~# ')) {
        typed = true;
        child.stdin!.write(command(work));
      }
      if (!typed) return;
      FIGURE.lastIndex = seen;
      for (let match = FIGURE.exec(printed); match; match = FIGURE.exec(printed)) {
        seen = FIGURE.lastIndex;
        at.set(match[1]!, now);
        said.set(match[1]!, match[2]!);
        if (match[1] === 'done') return finish();
      }
    });
  });
}
