/**
 * One short boot of Debian's own kernel, from the image that the user has. What its drivers do is in the suite of guests,
 * which makes images of its own.
 */
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { resolveCatalogue } from '../src/catalogue/resolve.ts';
import { DebianGuests } from './debian-guest.ts';

/** VMBus devices that every machine has, by the driver of the stock kernel that is bound to them. */
const BOUND = ['hv_utils', 'hv_storvsc'];

const debian = new DebianGuests();

test('an unmodified Debian kernel finds Hyper-V, reads a disk through hv_storvsc, and powers off', async (context) => {
  const image = resolveCatalogue('debian');
  if (image === undefined) return context.skip('there is no Debian here yet: npx ringlet pull debian');
  const disk = join(debian.folder, 'disk.raw');
  const contents = randomBytes(1024 * 1024);
  writeFileSync(disk, contents);

  const { answers, status } = await debian.session(
    image,
    ['--cpus', '2', '--disk', `${disk},ro`],
    [
      'nproc; sha256sum < /dev/sda',
      'dmesg | grep -iE "hypervisor detected|vmbus version"',
      'for d in /sys/bus/vmbus/devices/*/driver; do basename $(readlink $d); done | sort -u',
      'dmesg -r | grep "^<[0-4]>" | grep -iE "hv_|hyperv|vmbus"',
      'poweroff -f',
    ],
  );

  expect(answers[0]).toBe(`2\n${createHash('sha256').update(contents).digest('hex')}  -\n`);
  expect(answers[1]).toContain('Hypervisor detected: Microsoft Hyper-V');
  expect(answers[1]).toMatch(/Vmbus version:5\.3/);
  expect(answers[2]!.split('\n')).toEqual(expect.arrayContaining(BOUND));
  expect(answers[3]).toBe('');
  expect(status).toBe(0);
});
