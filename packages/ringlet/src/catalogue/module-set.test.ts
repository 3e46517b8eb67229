import fc from 'fast-check';
import { expect, test } from 'vitest';
import { UserError } from '@ringlet/wire';
import { makeKernelModule } from '../../tests/debian-mirror.ts';
import { type KernelModule, readKernelModule } from './kernel-module.ts';
import { aliasTable, dependencyTable, selectModules, softDependencyTable } from './module-set.ts';

const module = (path: string, ...info: string[]): KernelModule => readKernelModule(path, makeKernelModule(info));
const pathsOf = (modules: readonly KernelModule[]): string[] => modules.map(({ path }) => path);

test('a module says its needs and its other names', () => {
  const found = module(
    'kernel/fs/ext4/ext-4.ko',
    'license=GPL',
    'alias=fs-ext4',
    'alias=ext3',
    'depends=jbd2,mb-cache',
  );
  expect(found).toMatchObject({ name: 'ext_4', depends: ['jbd2', 'mb_cache'], aliases: ['fs-ext4', 'ext3'] });
});

test('modules come with everything that they need, and nothing else', () => {
  const all = [
    module('kernel/d.ko', 'depends='),
    module('kernel/c.ko', 'depends=d'),
    module('kernel/b.ko', 'depends=d,c'),
    module('kernel/a-a.ko', 'depends=b'),
    module('kernel/other.ko', 'depends=a_a'),
  ];
  const chosen = selectModules(all, ['a_a', 'not-there']);
  expect(pathsOf(chosen)).toEqual(['kernel/a-a.ko', 'kernel/b.ko', 'kernel/c.ko', 'kernel/d.ko']);
});

test('of what is needed the first to load stands last', () => {
  const all = [module('a.ko', 'depends=c,b'), module('b.ko', 'depends='), module('c.ko', 'depends=b')];
  expect(dependencyTable(all)).toBe('a.ko: c.ko b.ko\nb.ko:\nc.ko: b.ko\n');
});

test('whatever a module works better with comes too, by name or by alias', () => {
  const all = [
    module('ext4.ko', 'depends=', 'softdep=pre: crc32c post: other'),
    module('crc32c_intel.ko', 'depends=', 'alias=crc32c'),
    module('crc32c_generic.ko', 'depends=', 'alias=crc32c'),
  ];
  const chosen = selectModules(all, ['ext4']);
  expect(pathsOf(chosen)).toEqual(['crc32c_generic.ko', 'crc32c_intel.ko', 'ext4.ko']);
  expect(aliasTable(chosen)).toBe('alias crc32c crc32c_generic\nalias crc32c crc32c_intel\n');
  expect(softDependencyTable(chosen)).toBe('softdep ext4 pre: crc32c post: other\n');
});

test('modules that need each other in a circle end', () => {
  const all = [module('a.ko', 'depends=b'), module('b.ko', 'depends=a')];
  expect(dependencyTable(selectModules(all, ['a']))).toBe('a.ko: b.ko\nb.ko: a.ko\n');
});

test('a module that was damaged anywhere is read, or refused as damaged', () => {
  const good = makeKernelModule(['depends=a', 'alias=b']);
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
      const damaged = Uint8Array.from(good).subarray(0, Math.max(length, at + 1));
      damaged[at] = value;
      expect(failureOf(() => readKernelModule('x.ko', damaged))).toSatisfy(
        (failure) => failure === undefined || failure instanceof UserError,
      );
    }),
  );
});

function failureOf(work: () => void): unknown {
  try {
    work();
    return undefined;
  } catch (error) {
    return error;
  }
}
