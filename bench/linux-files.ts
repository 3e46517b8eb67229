/** What the two machines of the `linux` benchmark start from: the image of a whole Debian, and a disk with what runs in it. */
import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const guestFolder = fileURLToPath(new URL('./guest/', import.meta.url));
const MIB = 1024 * 1024;
/** As much as the guests read of; it stays in the host's page cache. */
export const DATA_BYTES = 256 * MIB;
/** First program in the initial RAM disk: drivers for QEMU's devices, which the image has but does not load by itself. */
const FIRST = 'bench-init';
const FIRST_SCRIPT = `#!/bin/sh
PATH=/bin modprobe -a virtio_pci virtio_blk virtio_net
exec /init "$@"
`;

/** Files of the benchmark. */
export interface LinuxFiles {
  readonly folder: string;
  readonly kernel: string;
  readonly initrd: string;
  /** The kernel's command line, the same for both. */
  readonly words: string;
  /** The root disk, a VHDX. */
  readonly root: string;
  /** A raw disk that begins with a tar archive of what runs in the guest; random bytes behind it. */
  readonly data: string;
  /** The program for latency; absent where it cannot be compiled. */
  readonly pingpong?: string;
}

/** @throws what is missing, for people */
export function prepareLinuxFiles(): LinuxFiles {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache');
  const image = join(cache, 'ringlet', 'images', 'debian-bookworm-cloud-disk');
  const { commandLine } = JSON.parse(readFileSync(join(image, 'image.json'), 'utf8')) as { commandLine: string };
  const folder = mkdtempSync(join(tmpdir(), 'ringlet-bench-'));
  try {
    const inGuest = join(folder, 'guest');
    mkdirSync(inGuest);
    mkdirSync(join(folder, 'run'));
    const pingpong = compile(join(inGuest, 'pingpong'));
    copyFileSync(join(guestFolder, 'devices.sh'), join(inGuest, 'devices.sh'));
    return {
      folder,
      kernel: join(image, 'kernel'),
      initrd: writeInitrd(folder, join(image, 'initrd')),
      // The adapter is eth0 under both, as the image's network settings have it.
      words: `${commandLine} net.ifnames=0 rdinit=/${FIRST}`,
      root: join(image, 'disk.vhdx'),
      data: writeData(join(folder, 'data.raw'), inGuest),
      ...(pingpong !== undefined && { pingpong }),
    };
  } catch (cause) {
    rmSync(folder, { recursive: true, force: true });
    throw cause;
  }
}

function compile(target: string): string | undefined {
  try {
    execFileSync('gcc', ['-static', '-O2', '-o', target, join(guestFolder, 'pingpong.c')], { stdio: 'pipe' });
    return target;
  } catch {
    return undefined;
  }
}

function writeInitrd(folder: string, imageInitrd: string): string {
  writeFileSync(join(folder, FIRST), FIRST_SCRIPT, { mode: 0o755 });
  const archive = execFileSync('cpio', ['-o', '-H', 'newc', '--quiet'], { cwd: folder, input: `${FIRST}\n` });
  const whole = readFileSync(imageInitrd);
  const initrd = join(folder, 'initrd');
  // The kernel looks for the next archive at a multiple of four bytes.
  writeFileSync(initrd, Buffer.concat([whole, Buffer.alloc(-whole.length & 3), archive]));
  return initrd;
}

function writeData(path: string, inGuest: string): string {
  const file = openSync(path, 'w');
  try {
    const noise = randomFillSync(Buffer.alloc(MIB));
    for (let at = 0; at < DATA_BYTES; at += MIB) writeSync(file, noise, 0, MIB, at);
    const archive = execFileSync('tar', ['-C', inGuest, '-c', '.'], { maxBuffer: 64 * MIB });
    writeSync(file, archive, 0, archive.length, 0);
  } finally {
    closeSync(file);
  }
  return path;
}
