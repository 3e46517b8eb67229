/** gdb stays attached while its machine is reset (skipped without gdb, gcc and objcopy). */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hasProgram } from '../../x64/tests/test-kernels.ts';
import { buildDebuggedKernel, marked, runGdb } from './gdb-kernel.ts';
import { PATIENTLY, start, temporaryFolder } from './machines.ts';

const tools = ['gdb', 'gcc', 'objcopy', 'nm'].every(hasProgram);
const LONG = 300_000;

test.skipIf(!tools).each(['threads', 'lockstep'] as const)(
  'breakpoints stay over a reset, of a machine that stands still as of one that runs (%s)',
  async (harness) => {
    const folder = temporaryFolder();
    const built = buildDebuggedKernel(folder);
    const gdb = { path: join(folder, 'gdb.sock'), wait: true };
    const { machine, console } = await start({ kernel: built.kernel, memory: 32 << 20, display: 'none', gdb, harness });
    const [held, reset, running] = ['held', 'reset', 'running'].map((name) => join(folder, name)) as [string, string, string]; // prettier-ignore

    const session = runGdb(folder, built.symbols, machine.debugger.address!, [
      'break *registers_set',
      'continue',
      'printf "pc %#lx\\n", $pc',
      `shell touch ${held}; while [ ! -e ${reset} ]; do sleep 0.1; done`,
      // It stands at its first instruction, and goes to the breakpoint again.
      'maintenance flush register-cache',
      'printf "begins %d\\n", $pc != &registers_set',
      'continue',
      'printf "pc %#lx\\n", $pc',
      `shell touch ${running}`,
      'continue',
      'printf "pc %#lx\\n", $pc',
      'delete',
      'set var going = 0',
      'detach',
    ]);
    await expect.poll(() => existsSync(held), PATIENTLY).toBe(true);
    const restarted = machine.reboot({ force: true });
    // In lockstep nothing comes in while it stands still.
    if (harness === 'threads') await restarted;
    writeFileSync(reset, '');
    await restarted;
    await expect.poll(() => existsSync(running), PATIENTLY).toBe(true);
    await expect.poll(console, PATIENTLY).toContain('all go');
    await machine.reboot({ force: true });

    const output = await session;
    const there = `0x${built.address('registers_set').toString(16)}`;
    expect(marked(output, 'pc')).toEqual([there, there, there]);
    expect(marked(output, 'begins')).toEqual([harness === 'threads' ? '1' : '0']);
    expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
    expect(await machine.inspect('resets')).toBe(2);
  },
  LONG,
);
