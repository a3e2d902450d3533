import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    root: fileURLToPath(new URL('.', import.meta.url)),
    include: ['**/*.test.ts'],
    globalSetup: ['testing/build-add-on.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // Bounds for tests that hang: the machine may have other work.
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
