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

  it.each([
    [10, 1, 1, true],
    [9, 1, 1, false],
    [18, 2, 1, true],
    [19, 2, 1, false],
    [10, 0, 1, false],
    [10, 16, 1, true],
    [10, 17, 1, false],
    [10, 1, 0, false],
    [10, 1, 16, true],
    [10, 1, 17, false],
  ])('with the stored cost ln=%i, r=%i, p=%i are checked: %j', async (ln, r, p, isChecked) => {
    const text = (await cheap.hash('x')).replace('ln=10,r=1,p=1', `ln=${ln},r=${r},p=${p}`);
    const checked = cheap.verify('x', text, turn);
    if (isChecked) expect(await checked).toBe(ln === 10 && r === 1 && p === 1);
    else await expect(checked).rejects.toMatchObject({ kind: 'invalid' });
  });

  it.each([
    ['a character before it', (text: string) => `x${text}`],
    ['a character behind it', (text: string) => `${text.trim()}$`],
    ['a short hash', (text: string) => `${text.trim().slice(0, -4)}`],
    ['a long hash', (text: string) => `${text.trim()}AAAA`],
    ['a short salt', (text: string) => text.replace(/p=1\$[^$]+/, 'p=1$AAAAAAAAAA')],
    ['a cost of three digits', (text: string) => text.replace('r=1', 'r=001')],
    ['a cost that is not a number', (text: string) => text.replace('p=1', 'p=x')],
    ['a salt that is not base64', (text: string) => text.replace(/p=1\$[^$]/, 'p=1$!')],
  ])('refuse a stored text with %s', async (_, change) => {
    const stored = change(await cheap.hash('x'));
    await expect(cheap.verify('x', stored, turn)).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('accept a salt of eight bytes, and blanks around the stored text', async () => {
    const short = new Passwords({ ...entropy, bytes: () => randomBytes(8) }, { ln: 10, r: 1, p: 1 });
    const stored = await short.hash('x');
    expect(await cheap.verify('x', ` ${stored}\n`, turn)).toBe(true);
    expect(await cheap.verify('y', stored, turn)).toBe(false);
  });

  it('of 1,024 bytes are the longest', async () => {
    const longest = 'x'.repeat(1_024);
    const stored = await cheap.hash(longest);
    expect(await cheap.verify(longest, stored, turn)).toBe(true);
    expect(await cheap.verify(`${longest}x`, stored, turn)).toBe(false);
    expect(await cheap.verify(longest.slice(1), stored, turn)).toBe(false);
  });

  it.each(['', 'x'.repeat(1025), 'é'.repeat(513)])(
    'cannot be empty or too long (case %#)',
    async (password) => {
      await expect(cheap.hash(password)).rejects.toMatchObject({ kind: 'invalid' });
    },
  );

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
