/** x86-64 guests with several processors: on threads of their own, and in lockstep, where a seed decides who runs when. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '@ringlet/wire';
import { beforeAll, describe, expect, test } from 'vitest';
import { buildKernel, hasProgram } from '../../x64/tests/test-kernels.ts';
import { type PullResult, pull } from '../src/catalogue/pull.ts';
import { run, temporaryFolder } from './machines.ts';

const MEMORY = 64 * 1024 * 1024;
/** Of the smp kernel. */
const CHECKS = 13;

describe.skipIf(!hasProgram('gcc') || !hasProgram('objcopy'))(
  'the smp kernel (skipped without gcc and objcopy)',
  () => {
    let image: Buffer;

    beforeAll(() => void (image = buildKernel('smp')));

    const smp = async (options: { cpus: number; harness: 'threads' | 'lockstep'; seed?: number }) => {
      const kernel = join(temporaryFolder(), 'smp.bin');
      writeFileSync(kernel, image);
      const { machine, console, result } = await run({ kernel, memory: MEMORY, ...options });
      return { result, output: console(), trace: await machine.inspect('lockstep').catch(() => undefined) };
    };

    test.each([2, 4])("LOCK'ed accesses of %i processors on threads lose nothing, split or not", async (cpus) => {
      const { result, output } = await smp({ cpus, harness: 'threads' });

      expect(output).not.toContain('FAIL');
      expect(output.split('\n').filter((line) => line.startsWith('ok '))).toHaveLength(CHECKS);
      expect(result).toEqual({ reason: 'power-off', code: 0 });
    });

    test('the same seed gives the same run of four processors', async () => {
      const first = await smp({ cpus: 4, harness: 'lockstep', seed: 7 });

      expect(first.output).not.toContain('FAIL');
      expect(first).toMatchObject({ result: { code: 0 }, trace: { digest: expect.stringMatching(/^[0-9a-f]{8}$/) } });
      expect(await smp({ cpus: 4, harness: 'lockstep', seed: 7 })).toEqual(first);
    });

    test('another seed lets them run in another order', async () => {
      const digests = new Set<unknown>();
      const orders = new Set<string | undefined>();
      for (const seed of [1, 2, 3, 4]) {
        const { output, trace } = await smp({ cpus: 4, harness: 'lockstep', seed });
        expect(output).not.toContain('FAIL');
        digests.add((trace as { digest: string }).digest);
        orders.add(/^order .*$/m.exec(output)?.[0]);
      }

      expect(digests.size).toBe(4);
      expect(orders.size).toBeGreaterThan(1);
    });
  },
);

test('Debian with two processors boots the same way twice', async (context) => {
  const image: PullResult = await pull('debian', { cache: join(temporaryFolder(), 'cache') }).catch(
    (error: unknown) => {
      if (!(error instanceof UserError)) throw error;
      return context.skip(`the packages cannot be fetched here: ${error.message}`);
    },
  );
  const boot = async () => {
    const { machine, console, result } = await run({
      kernel: image.kernel,
      initrd: image.initrd,
      commandLine: `${image.commandLine} rdinit=/bin/busybox -- poweroff -f`,
      memory: 512 * 1024 * 1024,
      cpus: 2,
      harness: 'lockstep',
      seed: 3,
    });
    return { result, console: console(), trace: await machine.inspect('lockstep') };
  };

  const first = await boot();

  expect(first.result).toEqual({ reason: 'power-off', code: 0 });
  expect(first.console).toMatch(/smp: Brought up 1 node, 2 CPUs/);
  expect(await boot()).toEqual(first);
});
