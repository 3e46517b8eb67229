/**
 * The whole VMM is killed while a guest writes: what the guest had made durable is there, and what it is in is in order.
 *
 * `RINGLET_KILLS` makes it longer: 20 is a thorough run.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { openDisk } from '@ringlet/root-partition';
import { expect, onTestFinished, test, type TestContext } from 'vitest';
import { DebianGuests } from './debian-guest.ts';
import { needTool } from './exec-guest.ts';
import { ROOT } from './machines.ts';

const MINUTE = 60_000;
const KILLS = Number(process.env['RINGLET_KILLS'] ?? 3);
const LAUNCHER = join(ROOT, 'packages/ringlet/bin/ringlet.mjs');
const guests = new DebianGuests();

test(
  `killed ${KILLS} times in mid-write, nothing is lost that the guest had made durable`,
  async (context) => {
    for (const tool of ['mke2fs', 'e2fsck', 'debugfs', 'qemu-img']) needTool(context, tool);
    const image = join(guests.folder, 'killed.vhdx');
    const raw = join(guests.folder, 'killed.raw');
    execFileSync('mke2fs', ['-q', '-t', 'ext4', '-F', raw, '192M'], { stdio: 'ignore' });
    execFileSync('qemu-img', ['convert', '-O', 'vhdx', '-o', 'subformat=dynamic,block_size=1M', raw, image]);
    /** Sums of the files that the guest has said are durable, by name. */
    const durable = new Map<string, string>();
    let number = 0;
    for (let round = 0; round < KILLS; round++) {
      const told = await writeUntilKilled(context, image, number, 5 + Math.random() * 25);
      for (const line of told) {
        const [, verb, name, sum] = /^(HAVE|GONE) (\w+) ?(\w*)$/.exec(line) ?? [];
        if (verb === 'HAVE') durable.set(name!, sum!);
        else if (verb === 'GONE') durable.delete(name!);
      }
      // Names go on behind everything that could have been begun.
      number += told.length + 10;
      const checked = fileSystemOf(image, raw);
      for (const [name, sum] of durable) expect(sumOf(name, checked), `${name}, killed ${round + 1} times`).toBe(sum);
    }
    expect(durable.size).toBeGreaterThan(0);
    console.log(`killed ${KILLS} times: ${durable.size} files durable at the end, none lost`);
  },
  KILLS * 10 * MINUTE,
);

/** A guest that writes files, makes them durable, and only then says so, beside another that writes without end. */
async function writeUntilKilled(context: TestContext, image: string, first: number, count: number): Promise<string[]> {
  const { kernel, initrd, commandLine } = await guests.image(context, 'debian');
  const child = spawn(
    process.execPath,
    [LAUNCHER, 'run', '--kernel', kernel, '--initrd', initrd, '--append', commandLine, '--disk', `${image},keep`],
    {
      cwd: ROOT,
      env: { ...process.env, RINGLET_RUN_DIR: join(guests.folder, 'run') },
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  const script = [
    'mount -t ext4 /dev/sda /mnt || echo NO "MOUNT"',
    '(while :; do dd if=/dev/urandom of=/mnt/noise bs=32k count=300 2>/dev/null; rm /mnt/noise; done) &',
    `i=${first}`,
    'while :; do i=$((i+1)); dd if=/dev/urandom of=/mnt/f$i bs=1k count=$((i % 97 + 1)) conv=fsync 2>/dev/null',
    'echo "HAVE f$i $(md5sum < /mnt/f$i | cut -d" " -f1)"',
    'old=$((i-40)); [ -e /mnt/f$old ] && echo "GONE f$old" && rm /mnt/f$old; done',
  ].join('; ');
  let text = '';
  let typed = false;
  const lines = (): string[] =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => line.trim());
  const killed = new Promise<void>((resolve) => child.on('close', () => resolve()));
  child.stdout.on('data', (piece: Buffer) => {
    text += piece.toString();
    if (!typed && text.includes('~ # ')) {
      typed = true;
      child.stdin.write(`${script.replaceAll('&;', '&')}\n`);
    }
    const durable = lines().filter((line) => line.startsWith('HAVE f')).length;
    // In the middle of something: what comes next is already on its way.
    if (durable >= count) setTimeout(() => child.kill('SIGKILL'), Math.random() * 300);
  });
  await killed;
  expect(text).not.toContain('NO MOUNT');
  return lines().filter((line) => /^(HAVE|GONE) f\d+/.test(line));
}

/** The guest's file system after its journal was replayed, checked. @returns a raw image of it */
function fileSystemOf(image: string, raw: string): string {
  checkImage(image);
  const copy = `${image}.copy`;
  copyFileSync(image, copy);
  execFileSync('qemu-img', ['check', '-q', '-r', 'all', copy]);
  rmSync(raw, { force: true });
  execFileSync('qemu-img', ['convert', '-O', 'raw', copy, raw]);
  rmSync(copy);
  execFileSync('e2fsck', ['-E', 'journal_only', '-y', raw], { stdio: 'pipe' });
  const { status, stdout } = spawnSync('e2fsck', ['-fn', raw], { encoding: 'utf8' });
  expect({ status, stdout }).toMatchObject({ status: 0 });
  return raw;
}

/** Whether another implementation finds an image in order, once the log was replayed as its own writer would. */
function checkImage(path: string): void {
  const disk = openDisk(path, { readOnly: true });
  disk.close(() => undefined);
  const copy = `${path}.check`;
  copyFileSync(path, copy);
  spawnSync('qemu-img', ['check', '-q', '-r', 'all', copy]);
  const { status, stdout, stderr } = spawnSync('qemu-img', ['check', copy], { encoding: 'utf8' });
  rmSync(copy);
  expect({ status, stdout, stderr }).toMatchObject({ status: 0 });
}

function sumOf(name: string, raw: string): string {
  const out = join(guests.folder, 'dumped');
  rmSync(out, { force: true });
  spawnSync('debugfs', ['-R', `dump /${name} ${out}`, raw]);
  try {
    return createHash('md5').update(readFileSync(out)).digest('hex');
  } catch {
    return 'missing';
  }
}
