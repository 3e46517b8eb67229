/** Stock gdb on Debian's own kernel, with the symbols that the kernel has in itself (skipped without gdb). */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDisk, kernelSymbols, writeSymbolFile } from '@ringlet/root-partition';
import { expect, test } from 'vitest';
import { hasProgram } from '../../x64/tests/test-kernels.ts';
import { DebianGuests } from './debian-guest.ts';
import { marked, runGdb } from './gdb-kernel.ts';
import { GuestShell } from './guest-shell.ts';
import { temporaryFolder } from './machines.ts';

const MINUTE = 60_000;
const MIB = 1024 * 1024;
const guests = new DebianGuests();
/** Symbols that the kernel is asked for by name. */
const ASKED = /^(start_kernel|jiffies|_text|do_one_initcall|init_task)$/;

test(
  'gdb stops a Debian at symbols, variables, hypercalls, MSRs and packets; it boots on, and tells the same symbols',
  async (context) => {
    if (!hasProgram('gdb')) return context.skip('there is no gdb here');
    const image = await guests.image(context, 'debian');
    const folder = temporaryFolder();
    const symbols = join(folder, 'vmlinux.sym');
    const found = kernelSymbols(readFileSync(image.kernel));
    writeFileSync(symbols, writeSymbolFile(found));
    const address = (name: string): string => `0x${found.find((each) => each.name === name)!.address.toString(16)}`;
    const disk = join(folder, 'disk.vhdx');
    createDisk(disk, { format: 'vhdx', size: 16 * MIB });

    const shell = await GuestShell.start(
      {
        kernel: image.kernel,
        initrd: image.initrd,
        commandLine: image.commandLine,
        memory: 512 * MIB,
        cpus: 2,
        disks: [{ path: disk }],
        gdb: { path: join(folder, 'gdb.sock'), wait: true },
      },
      '',
    );

    const output = await runGdb(folder, symbols, shell.machine.debugger.address!, [
      'break start_kernel',
      'continue',
      'printf "first %#lx\\n", $pc',
      'info symbol $pc',
      'backtrace',
      'delete',
      // What the kernel is about to tell the hypervisor who it is.
      'monitor break msr HV_X64_MSR_GUEST_OS_ID write',
      'continue',
      'printf "msr %#x\\n", $ecx',
      'monitor delete',
      'break kernel_init',
      'continue',
      'printf "bus %#lx\\n", $pc',
      'delete',
      'monitor break hypercall HvCallPostMessage',
      'continue',
      'printf "call %#x\\n", $ecx & 0xffff',
      'monitor delete',
      'monitor break packet scsi',
      'monitor list',
      'continue',
      'monitor inspect vmbus/bus/version',
      'monitor delete',
      // Both count time: whoever does it is stopped.
      `watch *(long *)${address('jiffies_64')}`,
      'continue',
      'printf "watched %d\\n", $_thread > 0 && $_thread < 3',
      'delete',
      'info threads',
      'monitor translate 0xffffffff81000000',
      'monitor physical 0x1000000 16',
      'x/16bx 0xffffffff81000000',
      'detach',
    ]);

    expect(marked(output, 'first')).toEqual([address('start_kernel')]);
    expect(output).toContain('start_kernel in section .text');
    expect(output).toMatch(/#1 .* in secondary_startup_64/);
    expect(marked(output, 'msr')).toEqual(['0x40000000']);
    expect(output).toMatch(/VP 0 is about to write 0x81[0-9a-f]+ to HV_X64_MSR_GUEST_OS_ID \(0x40000000\)/);
    expect(marked(output, 'bus')).toEqual([address('kernel_init')]);
    expect(marked(output, 'call')).toEqual(['0x5c']);
    expect(output).toMatch(/about to make hypercall HvCallPostMessage \(0x5c\)/);
    expect(output).toMatch(/scsi is about to get a packet of \d+ bytes on channel \d+: 07 00 00 00/);
    expect(output).toMatch(/\b5\.3\b/);
    expect(marked(output, 'watched')).toEqual(['1']);
    expect(output).toMatch(/VP 0.*[\s\S]*VP 1/);
    expect(output).toContain('0x1000000');
    const bytes = /^000001000000 {2}((?:[0-9a-f]{2} ){16})/m.exec(output)![1]!.trim().split(' ');
    const seen = [...output.matchAll(/^0xffffffff8100000[08].*:\s+(.*)$/gm)].flatMap(([, row]) => row!.split(/\s+/));
    expect(seen).toEqual(bytes.map((byte) => `0x${byte}`));

    // Nothing of it is left: it boots to its shell, and its own checks of its code hold.
    await shell.says('~ # ');
    expect(shell.text).not.toMatch(/BUG|Oops|Call Trace/);

    // What was read out of its image is what it tells itself.
    expect(found.length).toBeGreaterThan(50_000);
    expect(Number(await shell.run("grep -vc '\\[' /proc/kallsyms"))).toBe(found.length);
    const names = ASKED.source.slice(1, -1);
    const theirs = (await shell.run(`grep -E ' ${names}$' /proc/kallsyms`)).split('\n').toSorted();
    const ours = found
      .filter(({ name }) => ASKED.test(name))
      .map(({ address: at, type, name }) => `${at.toString(16).padStart(16, '0')} ${type} ${name}`)
      .toSorted();
    expect(theirs).toEqual(ours);

    if (!hasProgram('nm')) return;
    const listed = execFileSync('nm', [symbols], { encoding: 'utf8', maxBuffer: 64 * MIB });
    expect(listed.trim().split('\n').length).toBe(found.length);
  },
  15 * MINUTE,
);
