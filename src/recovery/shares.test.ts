import { randomBytes } from 'node:crypto';
import { generateX25519Identity } from 'age-encryption';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Entropy } from '../model/call.js';
import { joinShares as joinLines, type Share, secretOf, splitIdentity } from './shares.js';

const entropy: Entropy = { bytes: (length) => randomBytes(length), id: () => '' };
let identity: string;
beforeAll(async () => {
  identity = await generateX25519Identity();
});

const joinShares = (texts: readonly string[]) =>
  joinLines(texts.map((text, index) => ({ text, where: `line ${index + 1}` })));
const textsOf = (shares: readonly Share[]): string[] => shares.map((share) => share.text);
const cut = (shares: number, threshold: number) => splitIdentity(identity, { shares, threshold }, entropy);

it('any threshold of the shares, in any order, recovers the identity', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 9 }),
      fc.integer({ min: 2, max: 9 }),
      fc.nat(),
      async (a, b, seed) => {
        const [threshold, shares] = [Math.min(a, b), Math.max(a, b)];
        const texts = textsOf(await cut(shares, threshold));
        const order = [...texts].sort((x, y) => rank(x, seed) - rank(y, seed));
        expect(await joinShares(order.slice(0, threshold))).toBe(identity);
        expect(await joinShares(order)).toBe(identity);
        await expect(joinShares(order.slice(0, threshold - 1))).rejects.toMatchObject({
          kind: 'invalid',
          hint: expect.stringMatching(
            `not enough shares: ${threshold - 1} of ${shares} given, ${threshold} needed`,
          ),
        });
      },
    ),
    { numRuns: 50 },
  );
});

function rank(text: string, seed: number): number {
  return [...text].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 65_537, seed % 65_537);
}

it('an identity with any bytes is recovered', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constant(null), async () => {
      const other = await generateX25519Identity();
      const shares = await splitIdentity(other, { shares: 3, threshold: 2 }, entropy);
      expect(await joinShares(textsOf(shares).slice(1))).toBe(other);
      expect(secretOf(other)).toHaveLength(32);
    }),
    { numRuns: 20 },
  );
});

it('up to 255 shares are possible, each with up to 90 letters', async () => {
  const texts = textsOf(await cut(255, 255));
  expect(new Set(texts).size).toBe(255);
  expect(Math.max(...texts.map((text) => text.length))).toBeLessThanOrEqual(90);
  expect(await joinShares(texts)).toBe(identity);
});

it('comments, empty lines, white space and capitals are accepted', async () => {
  const [a = '', b = ''] = textsOf(await cut(3, 2));
  expect(await joinShares(['# share 1 of 3', `  ${a} `, '', b.toUpperCase()])).toBe(identity);
});

it('up to four wrong letters in a share are detected and reported with the line', async () => {
  const [good = '', bad = ''] = textsOf(await cut(3, 2));
  const letters = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
  const places = fc.uniqueArray(fc.integer({ min: 'sftpgw-share1'.length, max: bad.length - 1 }), {
    minLength: 1,
    maxLength: 4,
  });
  await fc.assert(
    fc.asyncProperty(places, fc.integer({ min: 1, max: 31 }), async (wrong, shift) => {
      const typed = [...bad];
      for (const place of wrong) {
        typed[place] = letters[(letters.indexOf(typed[place] ?? 'q') + shift) % 32] ?? 'q';
      }
      await expect(joinShares([good, typed.join('')])).rejects.toMatchObject({
        kind: 'invalid',
        hint: 'line 2: the share is mistyped or incomplete: wrong checksum',
      });
    }),
  );
});

describe('the shares are refused with', () => {
  it('a share of another split of the same identity', async () => {
    const [first, second] = [await cut(3, 2), await cut(3, 2)];
    const mixed = [first[0]?.text ?? '', '', second[1]?.text ?? ''];
    await expect(joinShares(mixed)).rejects.toMatchObject({
      kind: 'invalid',
      hint: `line 3: this share belongs to the set ${second[0]?.set}, but the previous ones to ${first[0]?.set}; use shares of one set`,
    });
  });

  it('the same share twice', async () => {
    const [, share] = textsOf(await cut(3, 2));
    await expect(joinShares([share ?? '', share ?? ''])).rejects.toMatchObject({
      kind: 'invalid',
      hint: 'line 2: share 2 is repeated; use another one',
    });
  });

  it.each([
    ['no line', [], /no share given/],
    ['the identity itself', ['IDENTITY'], /line 1: not a share/],
    ['a recipient', ['age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'], /not a share/],
  ])('%s', async (_what, lines, words) => {
    const given = lines.map((line) => (line === 'IDENTITY' ? identity : line));
    const fault = await joinShares(given).catch((error: unknown) => error);
    expect(fault).toMatchObject({ kind: 'invalid', hint: expect.stringMatching(words) });
    expect(String(fault)).not.toContain(identity.slice(20));
  });

  it.each([
    [1, 1],
    [3, 1],
    [2, 3],
    [256, 2],
    [2.5, 2],
  ])('a count of %d and a threshold of %d', async (shares, threshold) => {
    await expect(cut(shares, threshold)).rejects.toMatchObject({ kind: 'invalid' });
  });

  it('an invalid identity, without quoting it', async () => {
    const almost = `${identity.slice(0, -1)}${identity.endsWith('Q') ? 'P' : 'Q'}`;
    const fault = await splitIdentity(almost, { shares: 3, threshold: 2 }, entropy).catch(
      (error: unknown) => error,
    );
    expect(fault).toMatchObject({ kind: 'invalid' });
    expect(String(fault)).not.toContain(almost.slice(20));
  });
});

it('every split is random: no two have a share in common', async () => {
  const [mine] = await cut(2, 2);
  const others = await Promise.all(
    Array.from(
      { length: 200 },
      async () => (await splitIdentity(identity, { shares: 2, threshold: 2 }, entropy))[0],
    ),
  );
  const bodies = new Set([mine, ...others].map((share) => share?.text.slice(30, 70)));
  expect(bodies.size).toBe(201);
});
