/** `ringlet run debian`: Debian's own kernels, unmodified, on the processor of @ringlet/x64. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { DebianGuests } from './debian-guest.ts';

const debian = new DebianGuests();
/** VMBus class of the heartbeat, as sysfs has it. */
const HEARTBEAT_CLASS = '{57164f39-9115-4e78-ab55-382f3bd5422d}';
/** What a kernel may say of errors and warnings: there is no PCI, as on a Hyper-V machine of generation 2. */
const TRUE_WARNINGS = [/^<4>\[ *[\d.]+\] PCI: System does not support PCI$/];
/** The host had other things to do. */
const BUSY_HOST = [/^<4>\[ *[\d.]+\] hrtimer: interrupt took \d+ ns$/];

describe.each(['debian', 'debian-generic'])('%s', (name) => {
  test.for([1, 4])('boots to a shell on %i processors, finds its devices, and powers off', async (cpus, context) => {
    const image = await debian.image(context, name);
    const { answers, status, text } = await debian.session(
      image,
      ['--cpus', `${cpus}`, '--append', 'nosmt'],
      [
        'nproc; grep -c ^processor /proc/cpuinfo',
        'for n in $(seq $(nproc)); do (seq 1 20000 | sha256sum) & done; wait',
        'dmesg | grep -i vmbus; cat /sys/bus/vmbus/devices/*/class_id',
        'dmesg -r | grep "^<[0-4]>"',
        'grep -c IO-APIC /proc/interrupts; grep -E "^ *(ERR|MIS|SPU|NMI):" /proc/interrupts',
        'poweroff -f',
      ],
    );

    expect(answers[0]).toBe(`${cpus}\n${cpus}\n`);
    const numbers = Array.from({ length: 20_000 }, (_, n) => `${n + 1}\n`).join('');
    const sums = answers[1]!.match(/^[0-9a-f]{64}(?= )/gm);
    expect(sums).toEqual(Array.from({ length: cpus }, () => createHash('sha256').update(numbers).digest('hex')));
    expect(answers[2]).toMatch(/Vmbus version:5\.3/i);
    expect(answers[2]).toContain(HEARTBEAT_CLASS);
    const lines = answers[3]!.split('\n').filter((line) => line !== '');
    const unexpected = lines.filter((line) => ![...TRUE_WARNINGS, ...BUSY_HOST].some((known) => known.test(line)));
    expect(unexpected).toEqual([]);
    // One line of the I/O APIC: the serial port's.
    const counts = answers[4]!.match(/\b\d+\b/g)!;
    expect([counts[0], ...new Set(counts.slice(1))]).toEqual(['1', '0']);
    expect(text).not.toMatch(/Call Trace|WARNING: CPU|BUG:/);
    expect(status).toBe(0);
  });
});

/** Values of the kernel's `reboot=`. Without a BIOS and EFI services the last two end at the processor's reset vector. */
test.for([
  ['the reset register of ACPI', 'acpi'],
  ['the keyboard controller', 'kbd'],
  ['port 0xCF9', 'pci'],
  ['a triple fault', 'triple'],
  ['the BIOS', 'bios'],
  ['EFI', 'efi'],
])('a restart by %s ends the run as a restart', async ([, way], context) => {
  const image = await debian.image(context, 'debian');
  const options = ['--append', `reboot=${way}`, '--on-reset', 'stop'];
  const { text, status } = await debian.session(image, options, ['reboot -f']);

  expect(text).toContain('asked to be restarted');
  expect(status).toBe(0);
});
