import { defineConfig } from 'vitest/config';

const conditions = ['@ringlet/source', 'module', 'node', 'development|production'];
const resolve = { resolve: { conditions }, ssr: { resolve: { conditions } } };

export default defineConfig({
  test: {
    projects: [
      { ...resolve, test: { name: 'unit', include: ['packages/*/src/**/*.test.ts'] } },
      {
        ...resolve,
        test: { name: 'e2e', include: ['packages/*/tests/**/*.test.ts'], testTimeout: 60_000, fileParallelism: false },
      },
    ],
  },
});
