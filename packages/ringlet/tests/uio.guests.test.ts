/** Linux's uio_hv_generic: programs of user space map the rings of our echo, and of a device as `ringlet new` writes it. */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { ExecGuests, needTool } from './exec-guest.ts';
import { fixture, ROOT } from './machines.ts';

const MINUTE = 60_000;
const ECHO = '3e3c9d1a-6c0f-4b57-9f0a-0f2f4d6a8b10';
const INSTANCE = '5a0b7c44-9a0e-4d5e-8a52-6c1f0e9d2b01';
const guests = new ExecGuests();
const PATIENTLY = { timeout: 2 * MINUTE, interval: 200 };

/** A device as `ringlet new device` writes it, in a folder in the repository: its imports lead where a user's would. */
function newDevice(): string {
  const folder = mkdtempSync(join(ROOT, 'examples/.ringlet-device-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(join(ROOT, 'examples/multiplier'), folder, { recursive: true });
  return folder;
}

test(
  'uio_hv_generic binds our echo and a new device; programs in user space use the rings that they map',
  async (context) => {
    const gcc = needTool(context, 'gcc');
    const program = join(guests.folder, 'uio-echo');
    execFileSync(gcc, [
      '-O1',
      '-static',
      '-o',
      program,
      fileURLToPath(new URL('programs/uio-echo.c', import.meta.url)),
    ]);
    const folder = newDevice();
    const multiplier = join(folder, 'multiplier.ts');
    const client = join(guests.folder, 'multiplier');
    const warnings = ['-Wall', '-Wextra', '-Werror'];
    execFileSync(gcc, ['-O1', ...warnings, '-static', '-o', client, join(folder, 'multiplier.c')]);
    const guest = await guests.boot(
      context,
      { devices: [fixture('monitored-echo.ts'), multiplier] },
      { 'bin/uio-echo': readFileSync(program), 'bin/multiplier': readFileSync(client) },
    );
    await guest.shell(`modprobe uio_hv_generic && echo ${ECHO} > /sys/bus/vmbus/drivers/uio_hv_generic/new_id`);
    const device = `/sys/bus/vmbus/devices/${INSTANCE}`;
    expect(await guest.shell(`basename $(readlink ${device}/driver)`)).toBe('uio_hv_generic');

    expect(await guest.shell(`uio-echo ${device}`)).toBe('2000 echoes, woken by interrupts');
    expect(await guest.machine.inspect('vmbus/devices/monitored echo')).toMatchObject({ answered: 2000 });

    // Closed and opened again, unbound and bound again: the buffers that the driver made before opening come and go.
    expect(await guest.shell(`uio-echo ${device}`)).toMatch(/^2000 echoes/);
    await guest.shell(
      `cd /sys/bus/vmbus/drivers/uio_hv_generic && echo ${INSTANCE} > unbind && echo ${INSTANCE} > bind`,
    );
    expect(await guest.shell(`uio-echo ${device}`)).toMatch(/^2000 echoes/);

    // The client that comes with a new device: it binds the driver by itself.
    expect(await guest.shell('multiplier 21')).toBe('21 -> 42, answer 1');
    expect(await guest.shell('multiplier 4294967295')).toBe('4294967295 -> 4294967294, answer 2');
    expect(await guest.machine.inspect('vmbus/devices/multiplier')).toMatchObject({ count: 2, factor: 2 });

    expect(await guest.complaints()).toEqual([]);

    // The device is replaced twice while it is in use: taken away, offered anew, opened again, with its count.
    await guest.shell('multiplier --follow 7 > /tmp/answers 2>&1 &');
    const answers = (): Promise<string> => guest.shell('cat /tmp/answers');
    await expect.poll(answers, PATIENTLY).toContain('7 -> 14, answer 3\n');
    const text = readFileSync(multiplier, 'utf8');
    for (const more of [1000, 2000]) {
      writeFileSync(multiplier, text.replace('question.value * this.#factor', `question.value + ${more}`));
      await guest.machine.devices.reload(multiplier);
      await expect.poll(answers, PATIENTLY).toContain(`7 -> ${7 + more}, answer`);
    }
    const counts = [...(await answers()).matchAll(/answer (\d+)/g)].map((match) => Number(match[1]));
    expect(counts).toEqual(counts.map((_, i) => i + 3));
    expect((await answers()).match(/multiplier is gone/g)).toHaveLength(2);
    await guest.shell('killall multiplier');
    // Of a device that is offered when its driver is there already, the driver makes a file before the folder exists.
    const alarms = (await guest.complaints()).filter((line) => /WARNING:|BUG:|traps:/.test(line));
    expect(alarms.filter((line) => !line.includes('sysfs_create_bin_file'))).toEqual([]);
  },
  10 * MINUTE,
);
