/** What can be seen of a running kernel's processors. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Machine } from 'ringlet';
import { expect, onTestFinished, test } from 'vitest';
import { echoKernel } from './echo-kernel.ts';
import { PATIENTLY, temporaryFolder } from './machines.ts';

interface Processor {
  readonly instructions: number;
  readonly blocksDecoded: number;
  readonly exits: Readonly<Record<string, number>>;
}

test('each x86-64 processor tells its counters while it runs', async () => {
  const kernel = join(temporaryFolder(), 'echo.bin');
  writeFileSync(kernel, echoKernel());
  const machine = new Machine({ kernel, memory: 16 * 1024 * 1024, cpus: 2 });
  onTestFinished(() => machine.dispose());
  await machine.start();
  const inspect = async () => (await machine.inspect('processors')) as [Processor, Processor];

  // It polls its serial port, so that it never stands still.
  await expect.poll(async () => (await inspect())[0].exits['io'] ?? 0, PATIENTLY).toBeGreaterThan(100);
  const [first, second] = await inspect();
  expect(first.instructions).toBeGreaterThan(first.exits['io']!);
  expect(first.blocksDecoded).toBeGreaterThan(0);
  expect(second).toMatchObject({ instructions: 0, exits: {} });

  // Where it is, and with what: it polls the line status of COM1 in a loop of a few instructions.
  expect(first).toMatchObject({
    bits: 32,
    cpl: 0,
    instruction: expect.stringMatching(/^(in|out|test|jn?[ez]|mov|and|cmp|jmp|pause)\b/),
    registers: { rdx: expect.stringMatching(/^0x3f[0-9a-f]$/), rflags: expect.stringMatching(/^0x/) },
    segments: { cs: { attributes: '0xc09b' } },
  });
  expect(await machine.inspect('platform/ports/devices/serial-port')).toMatchObject({
    ports: '0x3f8-0x3ff',
    reads: expect.any(Number),
  });
});
