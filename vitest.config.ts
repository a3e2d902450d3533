import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Tests that replace modules (`vi.mock`) and therefore cannot share a process. */
export const loneTests = ['src/**/*.alone.test.ts'];
/**
 * Tests of stores in the database. They run over SQLite with the others, and over PostgreSQL once more. With
 * `SFTPGW_TEST_DATABASE=postgres` any other test runs over PostgreSQL too.
 */
export const postgresTests = [
  'src/database/{jobs,rotation-jobs,activity,recovery-records}.test.ts',
  'src/database/{cluster,ledger,audit,mirror-state,people,files-page,webhooks}/*.test.ts',
  'src/rotation/rotation.test.ts',
  // The first two are about plans and crashes of SQLite; the last one hashes rows, whatever their engine.
  '!src/database/ledger/{crash,query-plans}.test.ts',
  '!src/database/audit/verify.test.ts',
];
export const unitTests = [
  'src/**/*.test.ts',
  'packages/**/*.test.ts',
  '!packages/*/test/**',
  'bench/**/*.test.ts',
  ...loneTests.map((files) => `!${files}`),
];
/** These tests start programs and talk to them. `SFTPGW_TEST_EMBEDDED=no` leaves out the embedded server's own. */
export const systemTests = [
  'test/**/*.test.ts',
  ...(process.env['SFTPGW_TEST_EMBEDDED'] === 'no' ? [] : ['packages/embedded-s3/test/**/*.test.ts']),
];

/** The slowest tests, roughly in order. One of them started last would keep one core busy while the other waits. */
const slowest = [
  'test/crash/',
  'test/drills/',
  'test/e2e/',
  'test/clients/',
  'test/conformance/',
  'test/mirror/',
  'src/mirror/',
  'src/recovery/',
];

class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = slowest.findIndex((directory) => moduleId.includes(`/${directory}`));
      return at === -1 ? slowest.length : at;
    };
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

interface Part {
  readonly include: readonly string[];
  readonly isolate: boolean;
  /** Path of the JSON report that the continuous check counts from; null for none. */
  readonly report: string | null;
  /** Bounds a test that hangs. It is not a bound for slow ones: the machine may have other work. */
  readonly timeoutMs: number;
}

export function configOf({ include, isolate, report, timeoutMs }: Part) {
  return defineConfig({
    test: {
      include: [...include],
      pool: 'forks',
      isolate,
      sequence: { sequencer: SlowestFirst },
      // End-to-end tests wait for real servers: three files in parallel keep two cores busy.
      maxWorkers: 3,
      testTimeout: timeoutMs,
      hookTimeout: timeoutMs,
      reporters: report === null ? ['default'] : ['default', 'json'],
      ...(report === null ? {} : { outputFile: { json: report } }),
    },
  });
}

export function reportOf(part: string): string | null {
  const prefix = process.env['SFTPGW_TEST_REPORT'];
  return prefix === undefined ? null : `${prefix}-${part}.json`;
}

// For single files, each in its own process. `npm test` runs the parts in turn.
export default configOf({
  include: ['{src,packages,bench,test}/**/*.test.ts'],
  isolate: true,
  report: null,
  timeoutMs: 300_000,
});
