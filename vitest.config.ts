import { defineConfig } from 'vitest/config';

// Set by the continuous check, which counts from this file.
const report = process.env['SFTPGW_TEST_REPORT'];

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'embedded-s3/**/*.test.ts', 'bench/**/*.test.ts', 'test/**/*.test.ts'],
    pool: 'forks',
    // End-to-end files start real servers and wait for them: three at a time keep two cores busy.
    maxWorkers: 3,
    minWorkers: 1,
    // Bounds for what hangs, not for what is slow: the machine may have other work.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    reporters: report === undefined ? ['default'] : ['default', 'json'],
    ...(report === undefined ? {} : { outputFile: { json: report } }),
  },
});
