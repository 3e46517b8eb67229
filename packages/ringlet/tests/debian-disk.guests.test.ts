/** `ringlet run debian-disk`: Debian's systemd from a root disk behind Linux's own hv_storvsc. */
import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test, type TestContext } from 'vitest';
import { copyOnce } from '../src/catalogue/copy-once.ts';
import type { MachineOptions } from '../src/configuration/options.ts';
import { DebianGuests } from './debian-guest.ts';
import { GuestShell, hvWarnings } from './guest-shell.ts';

const MINUTE = 60_000;
const guests = new DebianGuests();

async function debian(context: TestContext, options: MachineOptions & { append?: string } = {}): Promise<GuestShell> {
  const { kernel, initrd, commandLine, disk } = await guests.disk(context);
  const { append = '', ...rest } = options;
  const machine = { kernel, initrd, commandLine: `${commandLine} ${append}`, disks: [{ path: disk }], ...rest };
  const guest = await GuestShell.start(machine, 'login: ');
  await guest.login();
  return guest;
}

test(
  'Debian starts to a login, nothing fails, and no driver of ours complains to the end',
  async (context) => {
    const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 somebody@there';
    const guest = await debian(context, {
      cpus: 2,
      append: `systemd.set_credential="ssh.authorized_keys.root:${key}" systemd.hostname=web`,
    });

    expect(await guest.run('hostname; cat /etc/debian_version')).toMatch(/^web\n12\./);
    expect(await guest.run('systemctl is-system-running --wait; systemctl --failed --no-legend')).toBe('running');
    expect(await guest.run('cat /root/.ssh/authorized_keys')).toBe(key);
    expect(await guest.run('findmnt -no FSTYPE,LABEL,OPTIONS /')).toMatch(/^ext4 +debian-root +rw,/);
    expect(await guest.run('dpkg --audit; apt-get check -qq')).toBe('');
    expect(await guest.run('systemctl is-active ssh hv-kvp-daemon ringlet-agent')).toBe('active\nactive\nactive');
    expect(await guest.run('command -v fio iperf3 socat evtest kexec ip ping dhclient python3 | wc -l')).toBe('9');
    expect(await guest.run('fstrim -v /')).toMatch(/bytes\) trimmed/);

    expect(hvWarnings(await guest.run('dmesg --level=emerg,alert,crit,err,warn'))).toEqual([]);
    expect(await guest.off('poweroff')).toEqual({ reason: 'power-off', code: 0 });
    expect(hvWarnings(guest.text.slice(guest.text.indexOf('poweroff')))).toEqual([]);
  },
  30 * MINUTE,
);

test(
  'with --keep what it writes is there the next time; without, it is not',
  async (context) => {
    const { disk } = await guests.disk(context);
    const mine = copyOnce(disk, join(guests.folder, 'mine.vhdx'));
    const first = await debian(context, { disks: [{ path: mine, keep: true }] });
    await first.run('echo here > /root/kept; sync');
    expect(await first.off('poweroff')).toMatchObject({ reason: 'power-off' });

    const second = await debian(context, { disks: [{ path: mine }] });
    expect(await second.run('cat /root/kept; echo there > /root/lost; sync')).toBe('here');
    expect(await second.off('poweroff')).toMatchObject({ reason: 'power-off' });

    const third = await debian(context, { disks: [{ path: mine }] });
    expect(await third.run('ls /root')).toBe('kept');
    await third.machine.powerOff();
    if (spawnSync('qemu-img', ['--version']).error !== undefined) return context.skip('this host has no qemu-img');
    execFileSync('qemu-img', ['check', '-q', mine]);
  },
  45 * MINUTE,
);
