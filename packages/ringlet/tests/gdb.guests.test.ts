/** Stock gdb on a kernel of ours, in threads and in lockstep (skipped without gdb, gcc and objcopy). */
import { join } from 'node:path';
import { Machine, type MachineEvent, type MachineOptions } from 'ringlet';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { hasProgram } from '../../x64/tests/test-kernels.ts';
import { buildDebuggedKernel, type DebuggedKernel, marked, runGdb } from './gdb-kernel.ts';
import { GdbLine } from './gdb-line.ts';
import { PATIENTLY, temporaryFolder } from './machines.ts';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';

const tools = ['gdb', 'gcc', 'objcopy', 'nm'].every(hasProgram);
const MIB = 1024 * 1024;
const LONG = 300_000;

let built: DebuggedKernel;

beforeAll(() => {
  if (!tools) return;
  const folder = mkdtempSync(join(tmpdir(), 'ringlet-gdb-'));
  built = buildDebuggedKernel(folder);
  return () => rmSync(folder, { recursive: true });
});

interface Debugged {
  readonly machine: Machine;
  readonly events: MachineEvent[];
  readonly address: string;
  readonly console: () => string;
  readonly gdb: (...commands: string[]) => Promise<string>;
}

/** A machine that waits for gdb. */
async function debugged(options: Partial<MachineOptions> = {}): Promise<Debugged> {
  const folder = temporaryFolder();
  const machine = new Machine({
    kernel: built.kernel,
    memory: 32 * MIB,
    display: 'none',
    gdb: { path: join(folder, 'gdb.sock'), wait: true },
    ...options,
  });
  onTestFinished(() => machine.dispose());
  const events: MachineEvent[] = [];
  let console = '';
  machine.events$.subscribe((event) => events.push(event));
  machine.console$.subscribe((text) => (console += text));
  await machine.start();
  const address = machine.debugger.address!;
  return {
    machine,
    events,
    address,
    console: () => console,
    gdb: (...commands) => runGdb(folder, built.symbols, address, commands),
  };
}

const hex = (value: bigint): string => `0x${value.toString(16)}`;

describe.skipIf(!tools).each(['threads', 'lockstep'] as const)('gdb (%s)', (harness) => {
  test(
    'sees every register, steps over strings, interrupts and ports, stops at MSRs and hypercalls, and lets go',
    async () => {
      const { machine, console, gdb } = await debugged({ harness });

      const output = await gdb(
        'printf "first %d\\n", $_thread',
        // Registers.
        'break *registers_set',
        'continue',
        'printf "pc %#lx\\n", $pc',
        'printf "general %#lx %#lx %#lx %#lx %#lx %#lx %#lx %#lx\\n", $rax, $rbx, $rcx, $rdx, $rsi, $rdi, $rbp, $r8',
        'printf "more %#lx %#lx %#lx %#lx %#lx %#lx %#lx\\n", $r9, $r10, $r11, $r12, $r13, $r14, $r15',
        'printf "flags %#x\\n", $eflags & 0x8d5',
        'printf "segments %#x %#x\\n", $cs, $ss',
        'printf "bases %#lx %#lx\\n", $fs_base, $k_gs_base',
        'printf "control %#lx %#lx %#lx %#lx\\n", (long)$cr0, (long)$cr3, (long)$cr4, (long)$efer',
        'printf "xmm %#lx %#lx\\n", $xmm3.v2_int64[0], $xmm3.v2_int64[1]',
        'printf "x87 %.4f %.4f\\n", $st0, $st1',
        'set $r9 = 0x1234',
        'set $eflags = $eflags & ~1',
        'set var guarded = 77',
        'stepi',
        'printf "changed %#lx %#x %lu\\n", $r9, $eflags & 1, guarded',
        // One string instruction is one step.
        'break *before_string',
        'continue',
        'stepi',
        'printf "string %d %#lx\\n", $pc == &behind_string, $rcx',
        'printf "copied %d %d\\n", copy[1], copy[4095]',
        // A step goes past an interrupt that waits; it is taken when the machine runs on.
        'break *before_interrupt',
        'continue',
        'stepi',
        'printf "interrupt %d %lu\\n", $pc == &shadow, interrupted',
        'stepi',
        'printf "interrupt %d %lu\\n", $pc == &next, interrupted',
        'stepi',
        'printf "interrupt %d %lu\\n", $pc == &behind_interrupt, interrupted',
        'break *before_port',
        'continue',
        'printf "taken %lu\\n", interrupted',
        'stepi',
        'printf "port %d %#x\\n", $pc == &behind_port, $al',
        // MSRs and hypercalls, before they happen.
        'monitor break msr HV_X64_MSR_HYPERCALL write',
        'continue',
        'printf "msr %#x %d\\n", $ecx, $eax == (int)(long)hypercall_page + 1',
        'monitor delete',
        'monitor break hypercall 0x46',
        'monitor list',
        'continue',
        'printf "hypercall %#lx\\n", $rcx',
        'x/i $pc',
        'stepi',
        'x/i $pc',
        'monitor delete 2',
        // A variable that is written; the value of before and after.
        'delete',
        'watch guarded if guarded == 2',
        'continue',
        'printf "watched %lu\\n", guarded',
        'delete',
        'set var going = 0',
        'detach',
      );

      const one = (mark: string): string | undefined => marked(output, mark)[0];
      expect(one('first')).toBe('1');
      expect(one('pc')).toBe(hex(built.address('registers_set')));
      const bytes = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => `0x${n}${`0${n}`.repeat(7)}`);
      expect(one('general')).toBe(bytes.join(' '));
      const more = ['9', 'a', 'b', 'c', 'd', 'e', 'f'].map((digit) => `0x${digit}${`0${digit}`.repeat(7)}`);
      expect(one('more')).toBe(more.join(' '));
      expect(Number(one('flags')) & 1).toBe(1);
      expect(one('segments')).toBe('0x8 0x10');
      expect(one('bases')).toBe('0x12345678 0x87654321');
      const [cr0, cr3, cr4, efer] = one('control')!.split(' ').map(Number);
      expect([cr0! & 0x8001_0033, cr3, cr4, efer]).toEqual([
        0x8001_0033 | 0,
        Number(built.address('page_pml4')),
        0x6a0,
        0xd01,
      ]);
      expect(one('xmm')).toBe('0x1111111111111111 0x1111111111111111');
      expect(one('x87')).toBe('1.0000 3.1416');
      expect(one('changed')).toBe('0x1234 0 77');
      expect(one('string')).toBe('1 0');
      expect(one('copied')).toBe('1 255');
      expect(marked(output, 'interrupt')).toEqual(['1 0', '1 0', '1 0']);
      expect(one('taken')).toBe('1');
      expect(one('port')).toMatch(/^1 0x6\d$/);
      expect(output).toContain('is about to write 0x');
      expect(one('msr')).toBe('0x40000001 1');
      expect(output).toContain('is about to make hypercall HvCallGetPartitionId (0x46)');
      expect(one('hypercall')).toBe('0x46');
      expect(output).toContain('vmcall');
      expect(output).toMatch(/=> 0x[0-9a-f]+ <hypercall_page\+3>:\s+ret/);
      expect(one('watched')).toBe('2');
      // It runs on when gdb has let go, and its checks of itself hold.
      expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
      expect(console()).toContain('done');
    },
    LONG,
  );

  test(
    'sees four processors: each stops at its own variable, and one can step alone',
    async () => {
      const { machine, gdb, console } = await debugged({ harness, cpus: 4 });

      const output = await gdb(
        'break work',
        'continue',
        // Its first locked instruction, while the others stand still.
        'set scheduler-locking on',
        'set $before = started',
        'while started == $before',
        'set $last = $pc',
        'stepi',
        'end',
        'x/i $last',
        'printf "locked %d\\n", started - $before',
        'set scheduler-locking off',
        'delete',
        // One that all but the first come by; only that of its own stops there.
        'set $other = $_thread == 4 ? 3 : 4',
        'if $other == 3',
        'tbreak work thread 3',
        'else',
        'tbreak work thread 4',
        'end',
        'continue',
        'printf "own %d\\n", $_thread == $other',
        // Until each of them counts.
        'watch counters[1][0]',
        'continue',
        'delete',
        'watch counters[2][0]',
        'continue',
        'printf "watched %d\\n", $_thread',
        'delete',
        'watch counters[3][0]',
        'continue',
        'printf "watched %d\\n", $_thread',
        'delete',
        'info threads',
        // One that runs alone does not move the others.
        'set scheduler-locking on',
        'thread 2',
        'set $a = counters[0][0]',
        'set $b = counters[1][0]',
        'stepi 16',
        'printf "alone %d %d\\n", counters[0][0] == $a, counters[1][0] > $b',
        'set scheduler-locking off',
        'delete',
        // The others run while one is stepped over its breakpoint.
        'watch counters[0][0]',
        'continue',
        'continue',
        'printf "again %d\\n", $_thread',
        'delete',
        'detach',
      );

      expect(marked(output, 'locked')).toEqual(['1']);
      expect(output).toMatch(/<work\+\d+>:\s+lock /);
      expect(marked(output, 'own')).toEqual(['1']);
      expect(marked(output, 'watched')).toEqual(['3', '4']);
      expect(output.match(/VP \d/g)).toEqual(expect.arrayContaining(['VP 0', 'VP 1', 'VP 2', 'VP 3']));
      expect(marked(output, 'alone')).toEqual(['1 1']);
      expect(marked(output, 'again')).toEqual(['1']);

      // Once more, while all of them run.
      const interrupted = await gdb('printf "stopped %d\\n", going', 'set var going = 0', 'detach');
      expect(marked(interrupted, 'stopped')).toEqual(['1']);
      expect(await machine.finished).toEqual({ reason: 'power-off', code: 0 });
      expect(console()).toContain('done');
    },
    LONG,
  );
});

test.skipIf(!tools)(
  'Ctrl-C stops it, a second gdb is sent away, nonsense is answered, and who hangs up lets the machine run',
  async () => {
    const { machine, events, address } = await debugged();
    const line = new GdbLine(address);
    onTestFinished(() => line.close());
    expect(await line.ask('?')).toMatch(/^T02thread:1;/);

    const second = new GdbLine(address);
    await second.closed;
    expect(events.map(({ type }) => type)).toContain('gdb-refused');

    // None of it ends anything.
    for (const nonsense of [
      '',
      'm',
      'mzz,1',
      'm0',
      'm0,ffffffffffffffff',
      'M0,4:zz',
      'X0',
      'p',
      'pffff',
      'P0',
      'P0=zz',
      'G00',
      'Hx1',
      'Hg99',

      'T0',
      'Z9,0,0',
      'Z0',
      'Z2,0,0',
      'z2,10,ffffffff',
      'vCont;',
      'vCont;q',
      'vCont;s:99',
      'qXfer:features:read:target.xml:',
      's zz',

      'qXfer:threads:read::ffffffffff,1',
      'qRcmd,zz',
      `qRcmd,${Buffer.from('nonsense').toString('hex')}`,
      'vFile:open:',
      '\u0000\u00ff',
      'qThreadExtraInfo,zz',
      'qSupported',
      '!',
      'R00',
      'bs',
      'bc',
      'A1',
      'C',
      'S',
      'Sxx;',
    ]) {
      const answer = await line.ask(nonsense);
      expect(answer).toMatch(/^(E\w\w|OK||[lm].*|PacketSize.*)$/s);
    }
    // A packet that is damaged is asked for again; one that is cut off is followed by the next.
    line.write('$?#00');
    expect(await line.next()).toBe('-');
    line.write('$abc');
    expect(await line.ask('qC')).toBe('QC1');

    // Ctrl-C, whatever it does; and nothing else is heard while it runs.
    line.write('$vCont;c#a8');
    expect(await line.next()).toBe('+');
    expect(await line.ask('g')).toBe('E16');
    line.write('\u0003');
    expect(await line.next()).toMatch(/^T02thread:1;/);
    line.write('+');
    await expect.poll(() => machine.debugger.address, PATIENTLY).toBeDefined();
    line.close();
    await expect.poll(() => events.some(({ type }) => type === 'gdb-detached'), PATIENTLY).toBe(true);
    await expect.poll(async () => instructionsOf(machine), PATIENTLY).toBeGreaterThan(1000);

    // Too much without an end: that gdb is cut off.
    const endless = new GdbLine(address);
    endless.write(`$${'a'.repeat(100_000)}`);
    await endless.closed;
    await expect.poll(() => events.filter(({ type }) => type === 'gdb-detached').length, PATIENTLY).toBe(2);

    await machine.debugger.close();
    expect(machine.debugger.address).toBeUndefined();
    await expect(machine.debugger.listen({ path: '/nowhere/at/all' })).rejects.toThrow(
      expect.objectContaining({ code: 'gdb-address-taken' }),
    );
    expect(await machine.debugger.listen({ port: 0 })).toMatch(/^127\.0\.0\.1:\d+$/);
    await expect(machine.debugger.listen({ port: 0 })).rejects.toThrow(
      expect.objectContaining({ code: 'gdb-listening' }),
    );

    // `kill`, as gdb sends it.
    await machine.debugger.close();
    const last = new GdbLine(await machine.debugger.listen({ path: `${address}.2` }));
    onTestFinished(() => last.close());
    last.write('$k#6b');
    expect(await machine.finished).toEqual({ reason: 'killed' });
  },
  LONG,
);

test.skipIf(!tools)(
  'in lockstep a debugger that looks on changes nothing of the run',
  async () => {
    const run = async (look: boolean): Promise<unknown> => {
      const { machine, gdb } = await debugged({ harness: 'lockstep', cpus: 2, seed: 5 });
      const looked = look
        ? await gdb(
            'break *before_port',
            'continue',
            'info registers',
            'x/64bx copy',
            'delete',
            'break work',
            'continue',
            'continue',
            'info threads',
            'delete',
            'set var going = 0',
            'detach',
          )
        : await gdb('break work', 'continue', 'continue', 'delete', 'set var going = 0', 'detach');
      expect(looked).toContain('Breakpoint');
      await machine.finished;
      return machine.inspect('lockstep');
    };
    expect(await run(true)).toEqual(await run(false));
  },
  LONG,
);

async function instructionsOf(machine: Machine): Promise<number> {
  const [first] = (await machine.inspect('processors')) as [{ instructions: number }];
  return first.instructions;
}
