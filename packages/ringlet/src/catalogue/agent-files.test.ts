import { expect, test } from 'vitest';
import { usualPackages } from '../../tests/debian-mirror.ts';
import { AGENT_PACKAGES, agentFiles } from './agent-files.ts';

const packages = async (): Promise<Map<string, Uint8Array>> => {
  const all = await usualPackages();
  return new Map(AGENT_PACKAGES.map((name) => [name, all[name]!.deb]));
};

test('the agent comes with its interpreter and with the loader where the kernel looks for it', async () => {
  const files = await agentFiles(await packages());
  expect(files.map(({ path }) => path)).toEqual([
    'bin/ringlet-agent',
    'lib64/ld-linux-x86-64.so.2',
    'bin/perl',
    'lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
    'lib/x86_64-linux-gnu/libc.so.6',
    'lib/x86_64-linux-gnu/libm.so.6',
    'lib/x86_64-linux-gnu/libcrypt.so.1',
  ]);
});

test('a package without what is wanted of it is refused', async () => {
  const wrong = await packages();
  wrong.set('libc6', wrong.get('perl-base')!);
  await expect(agentFiles(wrong)).rejects.toMatchObject({ code: 'package-damaged' });
});
