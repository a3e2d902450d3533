import { defineConfig } from 'vitest/config';
import { configOf, loneTests, reportOf, unitTests } from './vitest.config.js';

// Several files in one process: starting one and loading its modules takes longer than most of these tests.
const { test: together } = configOf({ include: unitTests, isolate: false, report: reportOf('unit') });
const { test: alone } = configOf({ include: loneTests, isolate: true, report: null });

export default defineConfig({
  test: {
    ...together,
    projects: [
      { test: { ...together, name: 'unit' } },
      // In threads: what shares a pool with the others would begin when they have ended.
      { test: { ...alone, name: 'alone', pool: 'threads', maxWorkers: 1 } },
    ],
  },
});
