/**
 * `ringlet run debian-disk`: Debian's systemd from a root disk behind Linux's own hv_storvsc, in two boots of a copy.
 *
 * `RINGLET_FIO_SECONDS` makes fio's part longer: 60 is thorough.
 */
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDisk } from '@ringlet/root-partition';
import { expect, onTestFinished, test, type TestContext } from 'vitest';
import { copyOnce } from '../src/catalogue/copy-once.ts';
import type { MachineOptions } from '../src/configuration/options.ts';
import { controlDirectory } from '../src/control/directory.ts';
import { serveControl } from '../src/control/server.ts';
import { freePort } from '../../root-partition/tests/network/support/clean-up.ts';
import type { Machine } from '../src/machine/machine.ts';
import { DebianGuests } from './debian-guest.ts';
import { needTool } from './exec-guest.ts';
import { FAKE_FACTS } from './fake-machine.ts';
import { GuestShell, hvWarnings } from './guest-shell.ts';
import { ringlet } from './launcher.ts';

const MINUTE = 60_000;
const MIB = 1024 * 1024;
const FIO_SECONDS = Number(process.env['RINGLET_FIO_SECONDS'] ?? 5);
const guests = new DebianGuests();
const at = (name: string): string => join(guests.folder, name);

/** What the devices of a machine with a screen are bound to, at least. */
const DRIVERS = ['hid_hyperv', 'hv_netvsc', 'hv_storvsc', 'hv_utils', 'hyperv_fb', 'hyperv_keyboard'];

async function debian(
  context: TestContext,
  options: MachineOptions & { append?: string },
  prepare?: (machine: Machine) => Promise<void>,
): Promise<GuestShell> {
  const { kernel, initrd, commandLine } = await guests.disk(context);
  const { append = '', ...rest } = options;
  const machine = { kernel, initrd, commandLine: `${commandLine} ${append}`, ...rest };
  const guest = await GuestShell.start(machine, 'login: ', prepare);
  await guest.login();
  return guest;
}

/** The root disk of both boots. */
async function mine(context: TestContext): Promise<string> {
  const path = at('mine.vhdx');
  if (!existsSync(path)) copyOnce((await guests.disk(context)).disk, path);
  return path;
}

const complaints = async (guest: GuestShell): Promise<string[]> =>
  hvWarnings(await guest.run('dmesg --level=emerg,alert,crit,err,warn'));

test(
  'Debian starts to a login with every driver bound; ssh, KVP, fstrim and fio; and goes off without a complaint',
  async (context) => {
    const key = at('key');
    needTool(context, 'ssh');
    execFileSync(needTool(context, 'ssh-keygen'), ['-q', '-t', 'ed25519', '-N', '', '-C', 'tests', '-f', key]);
    const line = readFileSync(`${key}.pub`, 'utf8').trim();
    const port = await freePort();
    const data = at('fio.vhdx');
    createDisk(data, { format: 'vhdx', size: 256 * MIB, blockSize: MIB });
    const guest = await debian(
      context,
      {
        name: 'web',
        cpus: 2,
        disks: [
          { path: await mine(context), keep: true },
          { path: data, keep: true, lun: 7 },
        ],
        networks: [{ kind: 'nat', forwards: [{ hostPort: port, guestPort: 22 }] }],
        append: `systemd.set_credential="ssh.authorized_keys.root:${line}" systemd.hostname=web`,
      },
      async (machine) => {
        const server = await serveControl(
          machine,
          { ...FAKE_FACTS, kind: 'x86-64' },
          controlDirectory({ RINGLET_RUN_DIR: at('run') }),
        );
        onTestFinished(() => server.close());
      },
    );

    // The system.
    expect(await guest.run('hostname; cat /etc/debian_version')).toMatch(/^web\n12\./);
    expect(await guest.run('systemctl is-system-running --wait; systemctl --failed --no-legend')).toBe('running');
    expect(await guest.run('cat /root/.ssh/authorized_keys')).toBe(line);
    expect(await guest.run('findmnt -no FSTYPE,LABEL,OPTIONS /')).toMatch(/^ext4 +debian-root +rw,/);
    expect(await guest.run('dpkg --audit; apt-get check -qq; ls /var/lib/dpkg/updates')).toBe('');
    expect(await guest.run('systemctl is-active ssh hv-kvp-daemon ringlet-agent')).toBe('active\nactive\nactive');
    expect(await guest.run('command -v fio iperf3 socat evtest kexec ip ping dhclient python3 | wc -l')).toBe('9');

    // The drivers.
    const bound =
      'for d in /sys/bus/vmbus/devices/*; do basename $(readlink $d/driver || echo none:$(cat $d/class_id)); done | sort -u';
    const drivers = (await guest.run(bound)).split('\n');
    expect(drivers).toEqual(expect.arrayContaining(DRIVERS));
    expect(drivers.filter((name) => name.startsWith('none:'))).toEqual([]);
    expect(await guest.run('dmesg | grep -ci "vmbus version:5.3"')).toBe('1');

    // Its processors' caches, and which of them is of both.
    expect(
      (await guest.run('lscpu -C=NAME,ONE-SIZE,ALL-SIZE,WAYS')).split('\n').map((row) => row.trim().split(/ +/)),
    ).toEqual([
      ['NAME', 'ONE-SIZE', 'ALL-SIZE', 'WAYS'],
      ['L1d', '64K', '128K', '2'],
      ['L1i', '64K', '128K', '2'],
      ['L2', '16M', '32M', '16'],
      ['L3', '64M', '64M', '16'],
    ]);

    // The network: an address by DHCP, told to the host by KVP, and ssh by a key.
    await guest.until('ip -4 -o addr show dev eth0', (printed) => printed.includes(' 10.0.2.15/24 '));
    await expect
      .poll(async () => (await ringlet(guests.folder, 'ls', '--json')).stdout, { timeout: 10 * MINUTE, interval: 1000 })
      .toMatch(/"addresses":\[[^\]]*"10\.0\.2\.15"/);
    const told = await overSsh(port, key, 'whoami; hostname; md5sum /usr/bin/dpkg');
    expect(told).toMatch(/^root\nweb\n/);
    expect(told).toContain(await guest.run('md5sum /usr/bin/dpkg'));
    const bytes = Buffer.alloc(MIB, 'ringlet ');
    expect(await overSsh(port, key, 'sha256sum', bytes)).toContain(createHash('sha256').update(bytes).digest('hex'));

    // The disks.
    expect(await guest.run('fstrim -v /')).toMatch(/bytes\) trimmed/);
    await guest.run('udevadm settle');
    const job = [
      'fio --name=mixed --filename=$(readlink -f /dev/disk/by-path/*-lun-7) --direct=1 --ioengine=libaio --iodepth=16',
      '--rw=randrw --bsrange=512-128k --blockalign=512 --verify=crc32c --verify_fatal=1 --verify_backlog=256',
      `--fsync=64 --time_based --runtime=${FIO_SECONDS} --minimal`,
    ].join(' ');
    const printed = await guest.run(`${job}; echo "ended with $?"`);
    expect(printed).toMatch(/ended with 0$/);
    // Version 3 of the terse form: of reads and of writes, KiB and operations per second.
    const fields = /^3;.*$/m.exec(printed)![0].split(';');
    const [read, written] = [Number(fields[5]), Number(fields[46])];
    console.log(`fio, ${FIO_SECONDS} s: ${read} KiB read, ${written} KiB written and verified`);
    expect(Math.min(read, written)).toBeGreaterThan(1024);

    await guest.run('echo here > /root/kept; sync');
    expect(await complaints(guest)).toEqual([]);
    expect(await guest.off('poweroff')).toEqual({ reason: 'power-off', code: 0 });
    expect(hvWarnings(guest.text.slice(guest.text.lastIndexOf('poweroff')))).toEqual([]);
    needTool(context, 'qemu-img');
    for (const path of [data, at('mine.vhdx')]) execFileSync('qemu-img', ['check', '-q', path]);
  },
  60 * MINUTE,
);

test(
  'what it kept is there; a kernel that another has started has its bus and its disks; a panic says why',
  async (context) => {
    const { initrd } = await guests.disk(context);
    const disk = await mine(context);
    const before = await sha256Of(disk);
    // The initial root file system comes from outside: the guest finds it as a disk, to hand it to the next kernel.
    const bytes = readFileSync(initrd);
    writeFileSync(at('initrd.raw'), Buffer.concat([bytes, Buffer.alloc(4096 - (bytes.length % 4096))]));
    const guest = await debian(context, {
      memory: 1024 * MIB,
      disks: [{ path: disk }, { path: at('initrd.raw'), readOnly: true, format: 'raw', lun: 3 }],
      // hyperv_fb asks an EFI that a kernel without runtime services does not pass on by kexec.
      display: 'none',
    });
    expect(await guest.run('cat /root/kept; echo there > /root/lost; sync')).toBe('here');

    await guest.run('udevadm settle; cp /dev/disk/by-path/*-lun-3 /run/initrd');
    const load = 'kexec -l /boot/vmlinuz-* --initrd=/run/initrd --reuse-cmdline; cat /sys/kernel/kexec_loaded';
    expect(await guest.run(load)).toBe('1');
    expect(await complaints(guest)).toEqual([]);
    const first = guest.text.length;
    guest.type('systemctl kexec\n');
    await guest.says('Linux version');
    await guest.says('login: ');
    await guest.login();
    expect(hvWarnings(guest.text.slice(first)).filter((line) => /error|fail|warn|timeout/i.test(line))).toEqual([]);
    expect(await guest.run('dmesg | grep -ci "vmbus version:5.3"')).toBe('1');
    expect(await guest.run('systemctl is-system-running --wait; cat /root/lost')).toBe('running\nthere');
    expect(await complaints(guest)).toEqual([]);

    const panicking = guest.text.length;
    const result = await guest.off('echo c > /proc/sysrq-trigger');
    expect(result).toMatchObject({ reason: 'crash', message: expect.stringMatching(/panic|sysrq/i) as string });
    const said = guest.text.slice(panicking);
    expect(said).toMatch(/Kernel panic - not syncing: sysrq triggered crash/);
    expect(said).not.toMatch(/hv_vmbus|storvsc.*(error|timeout)/i);
    // Without --keep nothing was written.
    expect(await sha256Of(disk)).toBe(before);
  },
  60 * MINUTE,
);

/** Runs a command in the guest. @returns what it printed */
async function overSsh(
  port: number,
  key: string,
  command: string,
  input: Uint8Array = new Uint8Array(0),
): Promise<string> {
  const trust = ['-o', 'StrictHostKeyChecking=accept-new', '-o', `UserKnownHostsFile=${at('known')}`];
  // A busy host is slow to shake hands.
  const alone = [
    '-F',
    'none',
    '-i',
    key,
    '-o',
    'IdentitiesOnly=yes',
    '-o',
    'BatchMode=yes',
    '-o',
    'ConnectTimeout=600',
  ];
  const child = spawn('ssh', [...trust, ...alone, '-p', `${port}`, 'root@127.0.0.1', command], { stdio: 'pipe' });
  let [printed, complaint] = ['', ''];
  child.stdout.on('data', (piece: Buffer) => (printed += piece.toString()));
  child.stderr.on('data', (piece: Buffer) => (complaint += piece.toString()));
  child.stdin.end(input);
  const status = await new Promise((resolve) => child.on('close', resolve));
  expect({ status, complaint }).toMatchObject({ status: 0 });
  return printed;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path)) hash.update(piece as Uint8Array);
  return hash.digest('hex');
}
