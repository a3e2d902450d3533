import { describe, expect, it } from 'vitest';
import { checkHistories } from './testing/histories.js';

/** Number of histories. Each takes about a fifth of a second; set it to thousands for a thorough run. */
const runs = Number(process.env['SFTPGW_TEST_MIRROR_RUNS'] ?? 60);
const maxMsPerRun = 3_000;

describe('the mirror against a model', () => {
  it(
    'converges to the contents of S3 after any history, and never shows a torn file',
    async () => {
      expect(await checkHistories(runs, null)).toBeGreaterThan(100);
    },
    runs * maxMsPerRun,
  );
});
