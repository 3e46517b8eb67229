/**
 * The system part of the processor, by test kernels: paging, exceptions, interrupts, segmentation, start-up,
 * code that changes, devices in memory, hostile code. Each kernel prints one
 * line per check; none may fail here. The same image runs under QEMU where there is one: what fails there is listed,
 * with QEMU 7.2's reason, so that a wrong check is not taken for a wrong processor.
 */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { compileCore } from '../src/core-loader.ts';
import { KernelMachine, type Outcome } from './kernel-machine.ts';
import { buildKernel, hasProgram, runOnHost, runOnQemu } from './test-kernels.ts';

/** Kernels, their number of checks, and which checks QEMU 7.2 does not pass (later ones may). */
interface Kernel {
  readonly name: string;
  readonly bits?: 64 | 32;
  readonly checks: number;
  readonly qemuFails: readonly string[];
  /** Its last check, where the names of checks are results. */
  readonly last?: string;
  /** It needs what only the test machine has, or QEMU has nothing of it. */
  readonly ownMachine?: boolean;
  /** Processors that it is given in QEMU, when more than one. */
  readonly processors?: number;
  /** The fewest guest pages with which each of its instructions and deliveries can complete. */
  readonly resident?: number;
  /** How it ends, when not by its exit port. */
  readonly ends?: string;
}

const KERNELS: readonly Kernel[] = [
  {
    name: 'paging',
    checks: 84,
    qemuFails: [
      // Reports reserved bits without the present bit.
      'bit 63 is reserved without EFER.NXE',
      'and a fetch does not report itself',
      'a physical address that is too wide',
      'reserved bits in a directory pointer, on a write',
      'a 2 MiB page at an odd address',
      // Reads first; processors report a read-modify-write as a write.
      'a read-modify-write of an absent page is a write',
      // Raises #GP for stacks too.
      'a non-canonical push',
    ],
  },
  {
    name: 'exceptions',
    checks: 85,
    qemuFails: [
      // Knows INT1 only with a debugger.
      'INT1: vector',
      'INT1 is a trap',
      'LOCK on a load',
      // Reads as 0.
      'RDMSR of an unknown register',
      // Puts vector × 16 into the error code.
      'a gate that is not present',
      'a gate of the wrong type',
      'a vector beyond the IDT',
      'INT n through a supervisor gate',
      'a benign exception whose gate is absent gives NP',
      // Has no general detection.
      'DR7.GD guards the debug registers',
      'DR6.BD',
    ],
  },
  {
    name: 'segments',
    checks: 100,
    qemuFails: [
      // Omits these checks, or makes them at the target.
      'a null SS with another RPL',
      'to code with L and D',
      'to an offset that is not canonical',
      'LSTAR must be canonical',
      'FS base must be canonical',
      'IRET to an address that is not canonical',
      'the frame is still there',
    ],
  },
  {
    name: 'debug',
    checks: 50,
    qemuFails: [
      'and what it can hold',
      // One trap behind the whole string.
      'REP OUTSB: each of three',
      'RIP is its own until the last',
      'and behind it then',
      // Takes addresses as they are.
      'low bits of the address do not count',
      // One cause an exception.
      'both in DR6',
      'a step and a breakpoint, one exception',
      'STI holds no step back',
      'INT1 leaves DR6 alone',
      // Has no shadow for them.
      'its trap waits for the next instruction',
      "RIP is the handler's",
    ],
  },
  // QEMU makes no alignment checks; the cases run on the host's own processor instead, see below.
  { name: 'alignment', checks: 136, qemuFails: [], ownMachine: true },
  { name: 'smp', checks: 13, qemuFails: [], processors: 4 },
  // QEMU's interpreter has neither PCIDs nor INVPCID.
  { name: 'contexts', checks: 33, qemuFails: [], ownMachine: true },
  // Takes any base.
  { name: 'user-mode', checks: 12, qemuFails: ['a base that is not canonical'] },
  { name: 'paging-random', checks: 40, qemuFails: [], last: 'ok 27 ee92848c87822b07' },
  { name: 'devices', checks: 40, qemuFails: [], ownMachine: true },
  { name: 'startup', checks: 41, qemuFails: [] },
  { name: 'interrupts', checks: 21, qemuFails: [] },
  { name: 'modified-code', checks: 25, qemuFails: [] },
  { name: 'hostile', checks: 4, qemuFails: [], resident: 16 },
  { name: 'triple-fault', checks: 1, qemuFails: [], ends: 'triple fault' },
  {
    name: 'legacy',
    bits: 32,
    checks: 63,
    qemuFails: [
      // Does not check segment limits and types.
      'a store past its end',
      'a byte past its end',
      'the store went to its base',
      'a store in a read-only segment',
      'a store in a code segment',
      'a store below it',
      'a store above 64 KiB of a 16-bit one',
      'a store through a null selector',
      'a store past the end of a stack segment',
      // Reports reserved bits without the present bit.
      'a 4 MiB page with its reserved bit',
      'a reserved bit',
    ],
  },
  {
    name: 'tasks',
    bits: 32,
    checks: 74,
    qemuFails: [
      // Has neither the trap of a TSS nor local breakpoints.
      'a TSS with T traps',
      'before the first instruction',
      'DR6.BT',
      'local breakpoints are off, global ones not',
    ],
  },
  {
    name: 'virtual-8086',
    bits: 32,
    checks: 60,
    // Does not check segment limits.
    qemuFails: ['a word at the end of a segment', 'of the stack segment'],
  },
];

const tools = hasProgram('gcc') && hasProgram('objcopy');
const qemu = tools && hasProgram('qemu-system-x86_64');
let core: object;

beforeAll(async () => {
  const { buildCore } = (await import('../scripts/build.mjs' as string)) as { buildCore: () => Promise<string> };
  core = compileCore(readFileSync(await buildCore()));
}, 120_000);

const built = new Map<string, Buffer>();

function kernel(name: string, bits: 64 | 32 | undefined): Buffer {
  const image = built.get(name) ?? buildKernel(name, bits);
  built.set(name, image);
  return image;
}

function failures(output: string): string[] {
  return output
    .split('\n')
    .filter((line) => line.startsWith('FAIL '))
    .map((line) => line.slice('FAIL '.length).replace(/: (got|want) .*$/, ''));
}

function passes(output: string): number {
  return output.split('\n').filter((line) => line.startsWith('ok ')).length;
}

describe.skipIf(!tools)('test kernels (skipped without gcc and objcopy)', () => {
  for (const { name, bits, checks, qemuFails, last, ownMachine = false, resident = 12, ends, processors } of KERNELS) {
    test(`every check of the ${name} kernel holds`, () => {
      const outcome: Outcome = new KernelMachine(core, kernel(name, bits)).run();

      expect(failures(outcome.output)).toEqual([]);
      expect(outcome).toMatchObject({ reason: ends ?? 'exit', code: 0 });
      expect(passes(outcome.output)).toBe(checks);
      expect(outcome.output).toContain(last ?? 'ok ');
    });

    test(`the ${name} kernel does not notice that its memory comes and goes`, () => {
      const machine = new KernelMachine(core, kernel(name, bits), resident);

      const outcome = machine.run(2_000_000);

      expect(failures(outcome.output)).toEqual([]);
      expect(outcome.reason).toBe(ends ?? 'exit');
      expect(passes(outcome.output)).toBe(checks);
      expect(machine.demands).toBeGreaterThan(0);
    });

    test.skipIf(!qemu || ownMachine)(
      `QEMU agrees with the ${name} kernel, but for what it is known to do otherwise`,
      () => {
        const output = runOnQemu(kernel(name, bits), processors);

        expect(failures(output).filter((name) => !qemuFails.includes(name))).toEqual([]);
        expect(output).toContain(last ?? 'ok ');
        expect(output.trimEnd().split('\n').at(-1)).toMatch(ends === undefined ? /^(done|failed)$/ : /^ok /);
      },
    );
  }
});

test.skipIf(!hasProgram('gcc') || process.arch !== 'x64' || process.platform !== 'linux')(
  "the host's processor checks alignment as the alignment kernel expects (skipped without gcc on x86-64 Linux)",
  () => {
    const output = runOnHost('alignment-host');

    expect(failures(output)).toEqual([]);
    expect(passes(output)).toBeGreaterThanOrEqual(72);
  },
);
