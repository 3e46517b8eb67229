/** Linux's uio_hv_generic on our echo device: a program of user space maps the rings. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ExecGuests, needTool } from './exec-guest.ts';
import { fixture } from './machines.ts';

const MINUTE = 60_000;
const ECHO = '3e3c9d1a-6c0f-4b57-9f0a-0f2f4d6a8b10';
const INSTANCE = '5a0b7c44-9a0e-4d5e-8a52-6c1f0e9d2b01';
const guests = new ExecGuests();

test(
  'uio_hv_generic binds our echo, and a program in user space echoes through the rings that it maps',
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
    const guest = await guests.boot(
      context,
      { devices: [fixture('monitored-echo.ts')] },
      { 'bin/uio-echo': readFileSync(program) },
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
    expect(await guest.complaints()).toEqual([]);
  },
  10 * MINUTE,
);
