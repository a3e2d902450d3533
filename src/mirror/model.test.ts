import { describe, expect, it } from 'vitest';
import { checkHistories } from './testing/histories.js';

/** Thousands when somebody wants to know: each takes a fifth of a second or so. */
const runs = Number(process.env['SFTPGW_TEST_MIRROR_RUNS'] ?? 60);
const maxMsPerRun = 3_000;

describe('the mirror against a model', () => {
  it(
    'converges to what S3 holds after any sequence, and never shows a torn file',
    async () => {
      expect(await checkHistories(runs, null)).toBeGreaterThan(100);
    },
    runs * maxMsPerRun,
  );
});
