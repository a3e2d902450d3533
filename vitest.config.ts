import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** What replaces modules (`vi.mock`) and cannot share a process. */
export const loneTests = ['src/**/*.alone.test.ts'];
export const unitTests = [
  'src/**/*.test.ts',
  'packages/**/*.test.ts',
  '!packages/*/test/**',
  'bench/**/*.test.ts',
  ...loneTests.map((files) => `!${files}`),
];
/** They start programs and talk to them. Where the embedded server is not looked at, its own are left out. */
export const systemTests = [
  'test/**/*.test.ts',
  ...(process.env['SFTPGW_TEST_EMBEDDED'] === 'no' ? [] : ['packages/embedded-s3/test/**/*.test.ts']),
];

/** What takes longest, roughly in that order: begun last, one of them would keep one core busy and the other waiting. */
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
  /** The continuous check counts from the files that this names; null for none. */
  readonly report: string | null;
}

export function configOf({ include, isolate, report }: Part) {
  return defineConfig({
    test: {
      include: [...include],
      pool: 'forks',
      isolate,
      sequence: { sequencer: SlowestFirst },
      // End-to-end files start real servers and wait for them: three at a time keep two cores busy.
      maxWorkers: 3,
      // Bounds for what hangs, not for what is slow: the machine may have other work.
      testTimeout: 300_000,
      hookTimeout: 300_000,
      reporters: report === null ? ['default'] : ['default', 'json'],
      ...(report === null ? {} : { outputFile: { json: report } }),
    },
  });
}

export function reportOf(part: string): string | null {
  const prefix = process.env['SFTPGW_TEST_REPORT'];
  return prefix === undefined ? null : `${prefix}-${part}.json`;
}

// For single files: each in a process of its own. `npm test` takes the parts one after the other.
export default configOf({
  include: ['{src,packages,bench,test}/**/*.test.ts'],
  isolate: true,
  report: null,
});
