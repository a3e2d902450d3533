import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundsWithin, readOpenFileLimit } from './open-files.js';

const configured = { maxSessions: 1_000, maxUnauthenticated: 400, maxS3Connections: 256 };

describe('the connections that fit into the limit of open files', () => {
  it.each([
    [256, 42, 32, 16],
    [1_024, 170, 128, 64],
    [4_096, 890, 400, 256],
    [65_536, 1_000, 400, 256],
    [Number.POSITIVE_INFINITY, 1_000, 400, 256],
  ])(
    'of %d are %d sessions, %d connections without a login, and %d to S3',
    (limit, maxSessions, maxUnauthenticated, maxS3Connections) => {
      expect(boundsWithin(limit, configured)).toEqual({ maxSessions, maxUnauthenticated, maxS3Connections });
    },
  );

  it('leave a reserve, and are never zero', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), (limit) => {
        const { maxSessions, maxUnauthenticated } = boundsWithin(limit, configured);
        expect(Math.min(maxSessions, maxUnauthenticated)).toBeGreaterThanOrEqual(1);
        if (limit >= 128) expect(3 * maxSessions + maxUnauthenticated).toBeLessThanOrEqual(limit - 96);
      }),
    );
  });
});

describe('the limit of open files', () => {
  it.each([
    ['Max open files            256                  4096                 files     \n', 256],
    [
      'Max open files            unlimited            unlimited            files     \n',
      Number.POSITIVE_INFINITY,
    ],
    ['', Number.POSITIVE_INFINITY],
  ])('is read from %j', async (text, limit) => {
    const directory = mkdtempSync(join(tmpdir(), 'limits-'));
    try {
      writeFileSync(join(directory, 'limits'), text);
      expect(await readOpenFileLimit(join(directory, 'limits'))).toBe(limit);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
