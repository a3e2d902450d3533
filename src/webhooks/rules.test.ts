import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { StoredWebhook } from '../database/webhooks/endpoints.js';
import { retryDelay, type WebhookRules } from './rules.js';
import { openSecrets } from './secrets.js';
import { secretText, signedHeaders } from './signature.js';

describe('the wait before another attempt', () => {
  const rules = (retryDelayMs: number) => ({ retryDelayMs }) as WebhookRules;
  /** Entropy whose random number is this part of its range. */
  const random = (part: number) => ({
    id: () => '',
    bytes: (length: number) => {
      const bytes = Buffer.alloc(length);
      bytes.writeUInt32BE(Math.floor(part * (2 ** 32 - 1)));
      return bytes;
    },
  });

  it('is twice as long each time, up to ten minutes', () => {
    const waits = [1, 2, 3, 7, 8, 30, 2_000].map((attempts) => retryDelay(rules(5_000), attempts, random(1)));
    expect(waits).toEqual([5_000, 10_000, 20_000, 320_000, 600_000, 600_000, 600_000]);
  });

  it('is never shorter than the setting', () => {
    expect(retryDelay(rules(1_200_000), 1, random(1))).toBe(1_200_000);
    expect(retryDelay(rules(1_200_000), 5, random(1))).toBe(1_200_000);
  });

  it('has a random fifth', () => {
    const waits = [0, 0.5, 1].map((part) => retryDelay(rules(1_000), 1, random(part)));
    expect(waits).toEqual([800, 900, 1_000]);
  });
});

describe('the signature of a message', () => {
  const secrets = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

  it('covers the id, the time in whole seconds and the body, with each secret', () => {
    const headers = signedHeaders('evt_1', 1_700_000_000_999, Buffer.from('{}'), secrets);
    const sums = secrets.map((secret) =>
      createHmac('sha256', secret).update('evt_1.1700000000.{}').digest('base64'),
    );
    expect(headers).toEqual({
      'webhook-id': 'evt_1',
      'webhook-timestamp': '1700000000',
      'webhook-signature': `v1,${sums[0]} v1,${sums[1]}`,
    });
  });

  it('has a secret that people copy with a prefix', () =>
    expect(secretText(Buffer.alloc(32))).toBe(`whsec_${'A'.repeat(43)}=`));

  it.each([
    ['without an earlier secret', null, 2_000, ['w now']],
    ['without an overlap', 'before', null, ['w now']],
    ['before the end of the overlap', 'before', 1_001, ['w now', 'w before']],
    ['at the end of the overlap', 'before', 1_000, ['w now']],
  ])('uses the right secrets %s', async (_what, previousSealed, overlapUntilMs, expected) => {
    const seal = {
      seal: async () => '',
      open: async (id: string, text: string) => Buffer.from(`${id} ${text}`),
    };
    const stored = { id: 'w', secretSealed: 'now', previousSealed, overlapUntilMs } as StoredWebhook;
    const found = await openSecrets(seal, stored, 1_000);
    expect(found.map(String)).toEqual(expected);
  });
});
