/** File copy and backup, with hv_fcopy_daemon and hv_vss_daemon of Debian in the guest. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@ringlet/wire';
import { expect, test } from 'vitest';
import { ExecGuests, needTool } from './exec-guest.ts';
import { daemons } from './hyperv-daemons.ts';

const MINUTE = 60_000;
const PATIENTLY = { timeout: 5 * MINUTE, interval: 200 } as const;
const guests = new ExecGuests();

/** What comes of it, an error's code included: a daemon forks long before it has told the kernel that it is there. */
async function outcome<T>(doing: Promise<T>): Promise<T | string> {
  try {
    return await doing;
  } catch (error) {
    if (error instanceof UserError) return error.code;
    throw error;
  }
}

test(
  'a file is copied into the guest by its daemon, and refused without one, or where one is',
  async (context) => {
    const guest = await guests.boot(context, {}, daemons(context, guests.folder));
    const { guest: inside } = guest.machine;
    const file = join(guests.folder, 'data');
    const bytes = randomBytes(300_001);
    writeFileSync(file, bytes);
    const target = { directory: '/root/made/for it', name: 'däta', createPath: true };
    await expect.poll(() => outcome(inside.copyFile(file, target)), PATIENTLY).toBe('copy-refused');

    await guest.shell('hv_fcopy_daemon');
    await expect.poll(() => outcome(inside.copyFile(file, target)), PATIENTLY).toEqual({ bytes: 300_001 });
    const sum = createHash('sha256').update(bytes).digest('hex');
    expect(await guest.shell("sha256sum '/root/made/for it/däta' | cut -d' ' -f1")).toBe(sum);
    await expect(inside.copyFile(file, target)).rejects.toMatchObject({ code: 'copy-exists' });
    writeFileSync(file, 'shorter');
    expect(await inside.copyFile(file, { ...target, overwrite: true })).toEqual({ bytes: 7 });
    expect(await guest.shell("cat '/root/made/for it/däta'")).toBe('shorter');
    expect(await guest.complaints()).toEqual([]);
  },
  10 * MINUTE,
);

test(
  'a disk that is written to is copied while the guest holds still: nothing has to be recovered',
  async (context) => {
    const [mke2fs, e2fsck, dumpe2fs] = ['mke2fs', 'e2fsck', 'dumpe2fs'].map((tool) => needTool(context, tool));
    const image = join(guests.folder, 'data.raw');
    writeFileSync(image, Buffer.alloc(48 << 20));
    execFileSync(mke2fs!, ['-q', '-t', 'ext4', '-F', image]);
    const guest = await guests.boot(context, { disks: [{ path: image }] }, daemons(context, guests.folder));
    const { guest: inside } = guest.machine;
    await guest.shell('modprobe ext4; until [ -b /dev/sda ]; do sleep 1; done; mount -t ext4 /dev/sda /mnt');
    await guest.shell(
      'echo kept > /mnt/kept; (i=0; while :; do i=$((i+1)); echo $i > /mnt/counter; sync /mnt/counter; head -c 20000 /dev/urandom > /mnt/noise; done) >/dev/null 2>&1 </dev/null &',
    );
    const needsRecovery = (copy: string): boolean =>
      execFileSync(dumpe2fs!, ['-h', copy], { stdio: ['ignore', 'pipe', 'ignore'] })
        .toString()
        .includes('needs_recovery');

    await expect(inside.backup(join(guests.folder, 'no.raw'))).rejects.toMatchObject({ code: 'backup-not-frozen' });
    const live = join(guests.folder, 'live.raw');
    await inside.backup(live, { live: true });
    expect(needsRecovery(live)).toBe(true);

    await guest.shell('hv_vss_daemon');
    const frozen = join(guests.folder, 'frozen.raw');
    await expect.poll(() => outcome(inside.backup(frozen)), PATIENTLY).toEqual({ bytes: expect.any(Number) as number });
    expect(needsRecovery(frozen)).toBe(false);
    const check = spawnSync(e2fsck!, ['-fn', frozen]);
    expect({ status: check.status, output: check.stdout.toString() }).toMatchObject({ status: 0 });

    // It goes on where it was.
    const before = Number(await guest.shell('cat /mnt/counter'));
    await expect.poll(() => guest.shell('cat /mnt/counter').then(Number), { timeout: MINUTE }).toBeGreaterThan(before);
    expect(await guest.machine.inspect('vmbus/devices/backup/fileSystems')).toBe('thawed');
    expect(await guest.complaints()).toEqual([]);
  },
  10 * MINUTE,
);
