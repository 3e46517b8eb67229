import { defineConfig } from 'vitest/config';

const conditions = ['@ringlet/source', 'module', 'node', 'development|production'];
const resolve = { resolve: { conditions }, ssr: { resolve: { conditions } } };

/** Whole guests, other machines, the host's own network stack, downloads: minutes, not seconds. `npm run test:guests`. */
const guests = [
  'packages/x64/tests/**/*.test.ts',
  'packages/root-partition/tests/boot/**/*.test.ts',
  'packages/*/{src,tests}/**/*.{linux,guests}.test.ts',
  'packages/ringlet/tests/hundred-partitions.test.ts',
  // With images of 2 GiB it is one of those, too.
  ...(process.env['RINGLET_LARGE_DISKS'] === undefined ? [] : ['packages/ringlet/tests/qemu-images.test.ts']),
];

export default defineConfig({
  test: {
    globalSetup: ['./vitest.global-setup.ts'],
    projects: [
      // Hundreds of small files: threads begin sooner than processes, and a second one has the core that vitest leaves free.
      {
        ...resolve,
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts'],
          testTimeout: 30_000,
          pool: 'threads',
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
        },
      },
      {
        ...resolve,
        test: {
          name: 'e2e',
          include: ['packages/*/tests/**/*.test.ts'],
          exclude: guests,
          testTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      // Two files at a time, see the script: most of a guest's time is its own processor's.
      { ...resolve, test: { name: 'guests', include: guests, testTimeout: 900_000, sequence: { groupOrder: 2 } } },
    ],
  },
});
