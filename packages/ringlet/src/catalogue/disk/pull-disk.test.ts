/** Everything about pulling a root disk but the guest that makes it, whose part a test plays. */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDisk, readCpio } from '@ringlet/root-partition';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { DebianMirror, diskPackages, KERNEL_VERSION } from '../../../tests/debian-mirror.ts';
import { FakeMachine } from '../../../tests/fake-machine.ts';
import type { MachineOptions } from '../../configuration/options.ts';
import { pull, type PullOptions, type PullResult } from '../pull.ts';
import type { PullEvent } from '../pull-event.ts';
import { resolveCatalogue } from '../resolve.ts';
import { MARK } from './set-up-script.ts';

let mirror: DebianMirror;
let cache: string;
let events: PullEvent[];
/** What each guest was started with, and the files it would have found. */
let started: { options: MachineOptions; initrd: Uint8Array; archive: Uint8Array }[];
let guest: (machine: FakeMachine) => void;

const says = (machine: FakeMachine, ...lines: string[]): void =>
  machine.print(lines.map((line) => `${line}\r\n`).join(''));
const off = (machine: FakeMachine): void => machine.end({ reason: 'power-off', code: 0 });

beforeEach(async () => {
  mirror = await DebianMirror.start(await diskPackages());
  cache = mkdtempSync(join(tmpdir(), 'ringlet-pull-disk-'));
  events = [];
  started = [];
  guest = (machine) => {
    says(machine, `${MARK}phase configure`, 'Setting up base-passwd (1) ...', 'Setting up udev (1) ...');
    says(machine, `${MARK}finished`);
    off(machine);
  };
});

afterEach(async () => {
  await mirror.stop();
  rmSync(cache, { recursive: true });
});

const pullDisk = (more: Partial<PullOptions> = {}): Promise<PullResult> =>
  pull('debian', {
    cache,
    disk: true,
    mirror: mirror.url,
    signatures: false,
    onEvent: (event) => events.push(event),
    createMachine: async (options) => {
      const [, archive] = options.disks!;
      started.push({ options, initrd: readFileSync(options.initrd!), archive: readFileSync(archive!.path) });
      const machine = new FakeMachine();
      machine.onStart = (self) => guest(self);
      return machine;
    },
    ...more,
  });

const leftovers = (): string[] => readdirSync(join(cache, 'images'));

test('a disk is made of what every Debian has, what it is for, and what those need', async () => {
  const image = await pullDisk();

  expect(image).toMatchObject({ made: true, name: 'debian-bookworm-cloud-disk', shortName: 'debian-disk' });
  const names = image.description.packages.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining(['base-passwd', 'libuuid1', 'systemd-sysv', 'linux-image-cloud-amd64']));
  expect(names.filter((name) => name === `linux-image-${KERNEL_VERSION}`)).toHaveLength(1);
  expect(events).toContainEqual({ type: 'notice', text: 'bookworm has no fio; the disk goes without' });
  const disk = openDisk(image.disk!, { readOnly: true });
  expect([disk.kind, disk.sectorCount]).toEqual(['vhdx', 16_777_216]);
  await new Promise((closed) => disk.close(closed));
  expect(image.commandLine).toContain('root=LABEL=debian-root rw');
  expect(leftovers()).toEqual(['debian-bookworm-cloud-disk']);
  expect(readdirSync(join(cache, 'images', 'debian-bookworm-cloud-disk')).toSorted()).toEqual([
    'disk.vhdx',
    'image.json',
    'initrd',
    'kernel',
  ]);
});

test('the guest finds an empty disk to write to, an archive, a script and its tools', async () => {
  await pullDisk();

  const [{ options, initrd, archive }] = started as [(typeof started)[0]];
  expect(options.disks).toMatchObject([
    { keep: true, lun: 0 },
    { readOnly: true, format: 'raw', lun: 1 },
  ]);
  const first = readCpio(initrd);
  const added = new Map(readCpio(initrd, first.end).entries.map((entry) => [entry.name, entry]));
  expect([...added.keys()]).toEqual(expect.arrayContaining(['ringlet-tools/mke2fs', 'ringlet-tools/libc.so.6']));
  const script = Buffer.from(added.get('etc/ringlet-init')!.data).toString();
  expect(script).toMatch(/base-passwd \/var\/lib\/dpkg\/info\/base-passwd.preinst\n(.*\n)*udev /);

  const files = new Map(readCpio(archive).entries.map((entry) => [entry.name, entry]));
  expect(files.has('usr/sbin/init')).toBe(true);
  expect(files.has('usr/share/man/man8/udev.8.gz')).toBe(false);
  expect(Buffer.from(files.get('var/lib/dpkg/status')!.data).toString()).toContain(
    'Package: udev\nStatus: install ok unpacked\n',
  );
});

test('how far the guest is, is told', async () => {
  await pullDisk();
  expect(events.filter((event) => event.type === 'installed' && event.phase === 'configure')).toEqual([
    { type: 'installed', phase: 'configure', done: 1, of: 2 },
    { type: 'installed', phase: 'configure', done: 2, of: 2 },
  ]);
});

test('a second pull does nothing, and the disk is found by its name until somebody writes to it', async () => {
  const { disk } = await pullDisk();
  expect((await pullDisk()).made).toBe(false);
  expect(started).toHaveLength(1);
  expect(resolveCatalogue('debian-disk', { cache })?.disk).toBe(disk);

  utimesSync(disk!, 1, 1);
  expect(() => resolveCatalogue('debian-disk', { cache })).toThrow(expect.objectContaining({ code: 'image-damaged' }));
});

test('when only what starts it has changed, the disk stays', async () => {
  const { disk } = await pullDisk();
  const { ino } = statSync(disk!);
  const description = join(cache, 'images', 'debian-bookworm-cloud-disk', 'image.json');
  const image = JSON.parse(readFileSync(description, 'utf8')) as { recipe: string };
  writeFileSync(description, JSON.stringify({ ...image, recipe: '0'.repeat(64) }));

  const again = await pullDisk();

  expect(again.made).toBe(true);
  expect(started).toHaveLength(1);
  expect(statSync(again.disk!).ino).toBe(ino);
  expect(again.description.packages.map(({ name }) => name)).toContain('base-passwd');
  expect((await pullDisk({ force: true })).made).toBe(true);
  expect(started).toHaveLength(2);
});

test.each<[string, (machine: FakeMachine) => void, RegExp]>([
  [
    'fails',
    (machine) => {
      says(machine, 'dpkg: error processing package udev', `${MARK}failed configuring packages`);
      off(machine);
    },
    /configuring packages\n.*\n {4}dpkg: error processing package udev/,
  ],
  ['turns itself off too early', off, /ended early: power-off/],
  ['panics', (machine) => machine.end({ reason: 'crash', message: 'panic' }), /ended early: crash/],
  [
    'panics after its last word',
    (machine) => {
      says(machine, `${MARK}finished`);
      machine.end({ reason: 'crash', message: 'panic' });
    },
    /ended early: crash/,
  ],
])('a guest that %s makes no image; the packages stay', async (_, behaviour, why) => {
  guest = behaviour;
  await expect(pullDisk()).rejects.toMatchObject({
    code: 'disk-install-failed',
    message: expect.stringMatching(why) as string,
  });
  expect(leftovers()).toEqual([]);
  expect(readdirSync(join(cache, 'packages')).length).toBeGreaterThan(10);
  expect(existsSync(join(cache, 'lock'))).toBe(false);
});

test('an end while the guest works turns it off and leaves nothing behind', async () => {
  const abort = new AbortController();
  let machine: FakeMachine | undefined;
  guest = (self) => {
    machine = self;
    setTimeout(() => abort.abort(), 10);
  };
  await expect(pullDisk({ signal: abort.signal })).rejects.toMatchObject({ name: 'AbortError' });
  expect(machine!.asked).toContain('dispose');
  expect(leftovers()).toEqual([]);
});

test('a disk without what nothing starts without is refused', async () => {
  await mirror.stop();
  const { 'systemd-sysv': _, ...packages } = await diskPackages();
  mirror = await DebianMirror.start(packages);
  await expect(pullDisk()).rejects.toMatchObject({ code: 'package-not-found' });
});

test('text of a guest in any pieces is read the same', async () => {
  guest = (machine) => {
    for (const letter of `noise ${MARK}\r\n${MARK}phase unpack 100\r\n${MARK}done 40\r\n${MARK}finished\r\n`) {
      machine.print(letter);
    }
    off(machine);
  };
  await pullDisk();
  expect(events).toContainEqual({ type: 'installed', phase: 'unpack', done: 40, of: 100 });
});

test('a file that is in the way of the archive is an error of the cache', async () => {
  writeFileSync(join(cache, 'images'), '');
  await expect(pullDisk()).rejects.toMatchObject({ code: 'cache-unusable' });
});
