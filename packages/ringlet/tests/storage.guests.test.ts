/** Linux's own hv_storvsc on our storage controller: disks are read, written, added, removed, resized and trimmed. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDisk, openDisk } from '@ringlet/root-partition';
import { describe, expect, test, type TestContext } from 'vitest';
import type { DiskOption } from '../src/configuration/options.ts';
import { hashOfDisk } from '../src/tour/hash-of-disk.ts';
import { DebianGuests } from './debian-guest.ts';
import { GuestShell, hvWarnings } from './guest-shell.ts';

const MIB = 1024 * 1024;
const guests = new DebianGuests();
const at = (name: string): string => join(guests.folder, name);

/** A guest of the cloud kernel with these disks, at its shell. */
async function guestWith(context: TestContext, disks: readonly DiskOption[], cpus = 1): Promise<GuestShell> {
  const { kernel, initrd, commandLine } = await guests.image(context, 'debian');
  const guest = await GuestShell.start({ kernel, initrd, commandLine, cpus, disks });
  // Linux looks for disks beside everything else that it does.
  await guest.until(
    'ls -d /sys/bus/scsi/devices/*/block/* 2>/dev/null | wc -l',
    (found) => found === `${disks.length}`,
  );
  return guest;
}

/** Nothing was said that a driver of ours should not say, and the guest goes off in order. */
async function endQuietly(guest: GuestShell, allowed = /$^/): Promise<void> {
  const said = hvWarnings(await guest.run('dmesg -r | grep "^<[0-4]>"'));
  expect(said.filter((line) => !allowed.test(line))).toEqual([]);
  expect(await guest.off()).toEqual({ reason: 'power-off', code: 0 });
}

function rawImage(name: string, mib: number): string {
  const path = at(name);
  writeFileSync(path, randomBytes(mib * MIB));
  return path;
}

function vhdx(name: string, mib: number): string {
  const path = at(name);
  createDisk(path, { format: 'vhdx', size: mib * MIB, blockSize: MIB });
  return path;
}

/** The name that a guest has for the disk of a unit. */
const nameOf = (lun: number): string => `$(ls /sys/bus/scsi/devices/0:0:0:${lun}/block)`;

const isThere = (program: string): boolean => spawnSync(program, ['--version']).error === undefined;
const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

test('raw and VHDX: what the guest reads is what the host has, and what it keeps is what the host reads', async (context) => {
  const [raw, image] = [rawImage('read.raw', 8), vhdx('written.vhdx', 64)];
  const guest = await guestWith(context, [{ path: raw }, { path: image, keep: true, lun: 5 }]);

  expect(await guest.run(`sha256sum < /dev/${nameOf(0)}`)).toContain(sha256(readFileSync(raw)));
  // Different places, sizes and alignments; then all of it once more, past the guest's own cache.
  await guest.run(`dd if=/dev/${nameOf(0)} of=/dev/${nameOf(5)} bs=512 count=3001 seek=12345 conv=notrunc,fsync`);
  await guest.run(`dd if=/dev/${nameOf(0)} of=/dev/${nameOf(5)} bs=1M count=4 seek=31 conv=notrunc,fsync`);
  await guest.run('sync; echo 3 > /proc/sys/vm/drop_caches');
  const seen = await guest.run(`sha256sum < /dev/${nameOf(5)}`);
  // The other disk's writes vanish.
  await guest.run(`dd if=/dev/zero of=/dev/${nameOf(0)} bs=64k count=1 conv=fsync`);
  const before = sha256(readFileSync(raw));
  await endQuietly(guest);

  expect(seen).toContain(await hashOfDisk(image, createHash('sha256')));
  expect(sha256(readFileSync(raw))).toBe(before);
  if (!isThere('qemu-img')) return context.skip('this host has no qemu-img to ask about the image');
  execFileSync('qemu-img', ['check', '-q', image]);
  execFileSync('qemu-img', ['convert', '-O', 'raw', image, at('converted.raw')]);
  expect(seen).toContain(sha256(readFileSync(at('converted.raw'))));
});

test('four processors have four channels, and take turns at several disks', async (context) => {
  const images = [rawImage('a.raw', 2), rawImage('b.raw', 2), rawImage('c.raw', 2), rawImage('d.raw', 2)];
  const disks = images.map((path, i) => ({ path, lun: i, target: i % 2, controller: i >> 1 }));
  const guest = await guestWith(context, disks, 4);

  // One controller more: each has a channel and three subchannels.
  const counts = await guest.run(
    'for c in /sys/bus/vmbus/devices/72696e67-6c65-7453-8353-*/channels; do ls $c | wc -l; done',
  );
  expect(counts.split('\n')).toEqual(['4', '4']);
  const sums = await guest.run(
    'for d in /dev/sd[a-d]; do for p in 0 1 2 3; do taskset $(printf %x $((1 << p))) sha256sum < $d & done; done; wait',
  );
  for (const path of images) expect(sums.split(sha256(readFileSync(path)))).toHaveLength(5);
  const interrupts = await guest.run('cat /sys/bus/vmbus/devices/72696e67-6c65-7453-8353-*0/channels/*/interrupts');
  expect(
    interrupts
      .split('\n')
      .map(Number)
      .filter((count) => count > 0).length,
  ).toBeGreaterThan(1);
  await endQuietly(guest);
});

test('a disc in a drive is mounted, and cannot be written', async (context) => {
  const maker = ['xorrisofs', 'genisoimage', 'mkisofs'].find(
    (name) => spawnSync(name, ['--version']).error === undefined,
  );
  if (maker === undefined) return context.skip('this host cannot make a disc: it has no xorriso or genisoimage');
  mkdirSync(at('disc'));
  const contents = randomBytes(3 * MIB);
  writeFileSync(join(at('disc'), 'data.bin'), contents);
  execFileSync(maker, ['-quiet', '-R', '-J', '-V', 'RINGLET', '-o', at('disc.iso'), at('disc')], { stdio: 'ignore' });

  const guest = await guestWith(context, [{ path: at('disc.iso') }]);
  expect(await guest.run('mount -t iso9660 -o ro /dev/sr0 /mnt && ls /mnt')).toBe('data.bin');
  expect(await guest.run('sha256sum /mnt/data.bin')).toContain(sha256(contents));
  expect(await guest.run('umount /mnt; dd if=/dev/zero of=/dev/sr0 count=1 2>&1 | head -1')).toMatch(
    /Read-only|not permitted/,
  );
  await endQuietly(guest);
});

describe('while the guest runs', () => {
  test('a disk that comes is found, one that goes is gone, and its place can be taken again', async (context) => {
    const [first, second] = [rawImage('first.raw', 2), rawImage('second.raw', 3)];
    const guest = await guestWith(context, []);
    const disks = 'ls /sys/bus/scsi/devices | grep : | grep -v target';
    expect(await guest.run(disks)).toBe('');

    for (const path of [first, second]) {
      const place = await guest.machine.disks.attach({ path });
      expect(place).toEqual({ controller: 0, target: 0, lun: 0 });
      await guest.until(disks, (found) => found === '0:0:0:0');
      await guest.until('ls /dev/sd*', (found) => /^\/dev\/sd[a-z]$/.test(found));
      expect(await guest.run('cat /dev/sd[a-z] | sha256sum')).toContain(sha256(readFileSync(path)));

      await guest.machine.disks.detach(place);
      await guest.until(disks, (found) => found === '');
    }
    await endQuietly(guest);
  });

  test('a disk that is taken away in the middle of its use fails its users, and nobody else', async (context) => {
    const [stays, goes] = [rawImage('stays.raw', 4), vhdx('goes.vhdx', 64)];
    const guest = await guestWith(context, [{ path: stays }, { path: goes, keep: true }]);
    const name = await guest.run(`echo ${nameOf(1)}`);

    await guest.run(
      `(while dd if=/dev/urandom of=/dev/${name} bs=64k count=200 oflag=direct; do :; done) 2>/tmp/dd & true`,
    );
    await guest.until(`cut -c 1-200 /sys/block/${name}/stat`, (figures) => Number(figures.trim().split(/\s+/)[4]) > 20);
    await guest.machine.disks.detach({ controller: 0, target: 0, lun: 1 });
    await guest.until(`ls /sys/block`, (found) => !found.split(/\s+/).includes(name));
    await guest.until('pidof dd', (found) => found === '');

    expect(await guest.run(`sha256sum < /dev/${nameOf(0)}`)).toContain(sha256(readFileSync(stays)));
    // What was under way cannot succeed, and Linux tells of each failure.
    await endQuietly(guest, /status: scsi 0x2 srb 0x20/);
    const after = openDisk(goes);
    await new Promise((closed) => after.close(closed));
  });

  test('a disk that grows is as large as it is when the guest looks, or next uses it', async (context) => {
    const image = rawImage('grows.raw', 2);
    const guest = await guestWith(context, [{ path: image, keep: true }]);
    const sectors = `cat /sys/block/${nameOf(0)}/size`;
    expect(await guest.run(sectors)).toBe('4096');

    await guest.machine.disks.resize({ controller: 0, target: 0, lun: 0 }, 5 * MIB);
    await guest.run(`dd if=/dev/${nameOf(0)} of=/dev/null bs=4k count=1 iflag=direct`);
    await guest.until(sectors, (found) => found === '10240');

    await guest.machine.disks.resize({ controller: 0, target: 0, lun: 0 }, 6 * MIB);
    await guest.run(`echo 1 > /sys/bus/scsi/devices/0:0:0:0/rescan`);
    expect(await guest.run(sectors)).toBe('12288');
    await guest.run(`dd if=/dev/urandom of=/dev/${nameOf(0)} bs=1M seek=5 count=1 conv=fsync`);
    await endQuietly(guest);
    expect(statSync(image).size).toBe(6 * MIB);
  });

  test('what the guest discards, the VHDX gives back', async (context) => {
    const image = vhdx('trimmed.vhdx', 256);
    const guest = await guestWith(context, [{ path: image, keep: true }]);
    const disk = `/dev/${await guest.run(`echo ${nameOf(0)}`)}`;
    const present = async (): Promise<number> => {
      const { disks } = (await guest.machine.inspect('')) as { disks: Record<string, { present: number }> };
      return disks['0:0:0']!.present;
    };

    await guest.run(`mke2fs -q ${disk}; mount -t ext4 ${disk} /mnt; df /mnt > /dev/null; sync`);
    const empty = await present();
    await guest.run('dd if=/dev/urandom of=/mnt/file bs=1M count=60; sync');
    const full = await present();
    expect(full).toBeGreaterThan(empty + 50);
    expect(await guest.run('rm /mnt/file; sync; fstrim -v /mnt')).toMatch(/\/mnt: \d+ bytes/);
    expect(await present()).toBeLessThan(empty + 20);
    await guest.run(`umount /mnt; blkdiscard ${disk}`);
    expect(await present()).toBe(0);
    expect(await guest.run(`sha256sum < ${disk}`)).toContain(sha256(new Uint8Array(256 * MIB)));
    await endQuietly(guest);
    // Blocks of 1 MiB, all of them free: the file is as good as empty.
    expect(statSync(image).blocks * 512).toBeLessThan(16 * MIB);
  });
});
