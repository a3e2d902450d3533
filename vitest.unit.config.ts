import { defineConfig } from 'vitest/config';
import { postgresMissing } from './test/support/postgres-server.js';
import { configOf, loneTests, postgresTests, reportOf, unitTests } from './vitest.config.js';

// Many files share one process: starting a process and loading its modules takes longer than most of these tests.
const { test: shared } = configOf({
  include: unitTests,
  isolate: false,
  report: reportOf('unit'),
  timeoutMs: 120_000,
});
const { include, isolate, ...common } = shared ?? {};

const withoutPostgres = postgresMissing();
if (withoutPostgres !== null)
  process.stderr.write(`skipped: the tests over PostgreSQL (${withoutPostgres})\n`);

export default defineConfig({
  test: {
    ...common,
    projects: [
      { extends: true, test: { name: 'unit', include: [...(include ?? [])], isolate: isolate ?? false } },
      // These run in threads, because a pool that they share with the others would start them last.
      {
        extends: true,
        test: { name: 'alone', include: [...loneTests], isolate: true, pool: 'threads', maxWorkers: 1 },
      },
      // The tests of the stores again, over PostgreSQL.
      ...(withoutPostgres === null
        ? [
            {
              extends: true as const,
              test: {
                name: 'postgres',
                include: [...postgresTests],
                isolate: isolate ?? false,
                env: { SFTPGW_TEST_DATABASE: 'postgres' },
              },
            },
          ]
        : []),
    ],
  },
});
