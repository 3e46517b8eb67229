/**
 * The tour: the examples, one after the other, on a disk made for them, with a word on what happens below each.
 *
 * It is what `npm start` runs: it needs nothing, changes nothing outside a temporary folder, and ends by itself.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '@ringlet/wire';
import { createDisk } from '@ringlet/root-partition';
import type { MachineOptions } from '../configuration/options.ts';
import { Machine } from '../machine/machine.ts';
import { hashOfDisk } from './hash-of-disk.ts';
import { Narrator } from './narrator.ts';

const MIB = 1024 * 1024;
const DISK_BYTES = 64 * MIB;

/** Runs the tour. @returns the process's exit code: 0 when every stop of it went well */
export async function tour(write: (text: string) => void, options: { colour: boolean }): Promise<number> {
  const examples = examplesFolder();
  const folder = mkdtempSync(join(tmpdir(), 'ringlet-tour-'));
  const narrator = new Narrator(write, options.colour);
  const disk = join(folder, 'tour.vhdx');
  const guest = (name: string) => join(examples, name);
  const began = process.hrtime.bigint();
  let failures = 0;

  const stop = async (title: string, explanation: string[], run: () => Promise<boolean>) => {
    narrator.stop(title, explanation);
    const well = await run();
    if (!well) failures++;
    narrator.outcome(well);
  };
  const machine = async (name: string, machineOptions: MachineOptions, drive?: (machine: Machine) => Promise<void>) => {
    const result = await watch(name, machineOptions, narrator, drive);
    return result.reason === 'power-off' && result.code === 0;
  };

  try {
    narrator.title('Ringlet, a tour: seven machines in this process, no hypervisor below. Ctrl-C leaves.');
    await stop(
      'A disk image',
      [
        `A dynamic VHDX of ${DISK_BYTES / MIB} MiB, Hyper-V's own format. It takes no more room than what is written to it.`,
      ],
      async () => {
        createDisk(disk, { format: 'vhdx', size: DISK_BYTES });
        narrator.line('host', `${disk}: ${Math.round(statSync(disk).size / 1024)} KiB on the host's disk`);
        return true;
      },
    );
    await stop(
      'hello: a child partition finds the bus',
      [
        'The guest is TypeScript on a virtual processor of its own thread. It enables its SynIC through MSRs, posts',
        'INITIATE_CONTACT by hypercall 0x5C, and the root partition answers with the version and its offers.',
      ],
      () => machine('hello', { guest: guest('hello.ts'), disks: [{ path: disk }] }),
    );
    await stop(
      'disk-write: a pattern through storvsc, kept',
      [
        'Each write is a GPA-direct packet in a shared ring: the SCSI command, and the guest pages that hold the data.',
        'The storage VSP hands those very pages to the file system; nothing is copied on the way.',
      ],
      () => machine('disk-write', { guest: guest('disk-write.ts'), disks: [{ path: disk, keep: true }] }),
    );
    let printed = '';
    await stop(
      'disk-sha256: the whole disk, read back by a new machine',
      ['Another partition reads every sector. The host computes the same hash from the image by itself.'],
      async () => {
        const well = await machine(
          'disk-sha256',
          { guest: guest('disk-sha256.ts'), disks: [{ path: disk }] },
          async (m) => {
            m.console$.subscribe((text) => (printed += text));
          },
        );
        const expected = await hashOfDisk(disk, createHash('sha256'));
        narrator.line('host', `sha256 ${expected}`);
        return well && printed.includes(`sha256 ${expected}`);
      },
    );
    await stop(
      'echo: a device in one file',
      ['examples/echo.ts is a VSP that this process knew nothing of; the guest opens it by its interface GUID.'],
      () => machine('echo', { guest: guest('echo.guest.ts'), devices: [guest('echo.ts')] }),
    );
    await stop(
      'two partitions at once',
      ['Two guests, each with memory, bus and devices of its own. Neither can reach the other.'],
      async () => {
        const both = await Promise.all(
          ['left', 'right'].map((name) =>
            machine(name, { name, guest: guest('disk-write.ts'), disks: [{ path: disk }] }),
          ),
        );
        narrator.line('host', 'both wrote to the same image, each into a throw-away overlay: the image is unchanged');
        return both.every(Boolean);
      },
    );
    await stop(
      'shutdown: the host asks, the guest obeys',
      [
        'The shutdown integration component: version negotiation first, then one request, then the guest turns itself off.',
      ],
      () =>
        machine('shutdown', { guest: guest('shutdown.ts') }, async (running) => {
          await narrator.seen('shutdown', 'running until');
          await running.shutdown({ timeoutMs: 5000 });
        }),
    );
    const seconds = Number(process.hrtime.bigint() - began) / 1e9;
    narrator.title(
      failures === 0
        ? `All went well, in ${seconds.toFixed(1)} s. Next: npx ringlet --help, or README.md`
        : `${failures} of the stops went wrong; see above.`,
    );
    return failures === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function watch(
  name: string,
  options: MachineOptions,
  narrator: Narrator,
  drive?: (machine: Machine) => Promise<void>,
): ReturnType<() => Machine['finished']> {
  const machine = new Machine({ name, ...options });
  machine.console$.subscribe((text) => narrator.console(name, text));
  machine.events$.subscribe((event) => narrator.event(name, event));
  try {
    await machine.start();
    await drive?.(machine);
    return await machine.finished;
  } finally {
    await machine.dispose();
  }
}

function examplesFolder(): string {
  // A clone has them beside the packages, an installed package within itself.
  const folders = ['../../../../examples/', '../../examples/'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  const folder = folders.find((each) => existsSync(join(each, 'hello.ts')));
  if (folder !== undefined) return folder;
  throw new UserError('examples-not-found', `the tour runs the examples, and ${folders.join(' and ')} are not there`, {
    hint: 'install ringlet anew, or write a guest with: ringlet new device mine',
  });
}
