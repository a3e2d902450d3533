import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Entropy } from '../model/call.js';
import { defaultCost, Passwords } from './passwords.js';

const entropy: Entropy = { bytes: (length) => randomBytes(length), id: () => randomBytes(8).toString('hex') };
const turn = { source: 'a' };
const cheap = new Passwords(entropy, { ln: 10, r: 1, p: 1 });

describe('passwords', () => {
  it('match only the right text', async () => {
    const stored = await cheap.hash('correct horse');
    expect(await cheap.verify('correct horse', stored, turn)).toBe(true);
    for (const wrong of ['Correct horse', 'correct horse ', '', 'x'.repeat(5000)]) {
      expect(await cheap.verify(wrong, stored, turn)).toBe(false);
    }
    expect(await cheap.verify('correct horse', null, turn)).toBe(false);
  });

  it('are stored with a salt, version and parameters, but not in plain text', async () => {
    const [one, two] = [await cheap.hash('secret'), await cheap.hash('secret')];
    expect(one).toMatch(/^\$scrypt\$v=1\$ln=10,r=1,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}\n$/);
    expect(one).not.toBe(two);
    expect(one).not.toContain('secret');
  });

  it('match the same characters, composed or decomposed', async () => {
    expect(await cheap.verify('cafe\u0301', await cheap.hash('caf\u00e9'), turn)).toBe(true);
  });

  it('are checked with the stored parameters, which may differ from the default', async () => {
    const stored = await new Passwords(entropy, { ln: 11, r: 2, p: 2 }).hash('x');
    expect(await cheap.verify('x', stored, turn)).toBe(true);
  });

  it.each([
    '',
    'plain text',
    '$scrypt$v=2$ln=10,r=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA',
    '$scrypt$v=1$ln=31,r=16,p=16$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
  ])('refuse the stored text %j', async (stored) => {
    await expect(cheap.verify('x', stored, turn)).rejects.toMatchObject({ kind: 'invalid' });
  });

  it.each(['', 'x'.repeat(1025)])('cannot be empty or too long (case %#)', async (password) => {
    await expect(cheap.hash(password)).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('cost 32 MiB or more by default', () => {
    expect(128 * defaultCost.r * 2 ** defaultCost.ln).toBeGreaterThanOrEqual(32 * 1024 * 1024);
  });

  it('refuse a flood and answer the accepted requests', async () => {
    const stored = await cheap.hash('x');
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, (_, source) => cheap.verify('x', stored, { source: String(source) })),
    );
    const taken = results.filter((result) => result.status === 'fulfilled');
    const refused = results.filter((result) => result.status === 'rejected');
    expect(taken).toHaveLength(66);
    expect(taken.every((result) => result.value)).toBe(true);
    expect(refused.every((result) => result.reason.kind === 'throttled')).toBe(true);
    expect(await cheap.verify('x', stored, turn)).toBe(true);
  });
});
