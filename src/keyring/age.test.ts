import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  type AgeIdentity,
  newAgeIdentity,
  parseAgeIdentity,
  parseAgeRecipient,
  sealTo,
  unseal,
} from './age.js';

let ours: AgeIdentity;
let theirs: AgeIdentity;
beforeAll(async () => {
  ours = await newAgeIdentity();
  theirs = await newAgeIdentity();
});

describe('an age file', () => {
  it('opens with each identity it is sealed to, but not with another one', async () => {
    const content = randomBytes(32);
    const sealed = await sealTo([ours.recipient, theirs.recipient], content);
    for (const one of [ours, theirs])
      expect(await unseal(sealed, one)).toEqual({ kind: 'opened', bytes: new Uint8Array(content) });
    expect(await unseal(sealed, await newAgeIdentity())).toEqual({ kind: 'not-ours' });
  });

  it('does not open if any byte is changed or its end is missing', async () => {
    const sealed = await sealTo([ours.recipient], randomBytes(32));
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: sealed.byteLength - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, difference) => {
          const changed = Uint8Array.from(sealed);
          changed[at] = (changed[at] ?? 0) ^ difference;
          expect((await unseal(changed, ours)).kind).not.toBe('opened');
          expect((await unseal(sealed.subarray(0, at), ours)).kind).toBe('damaged');
        },
      ),
      { numRuns: 60 },
    );
  });

  it('is not recognised in arbitrary bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
        expect((await unseal(bytes, ours)).kind).toBe('damaged');
      }),
    );
  });
});

describe('identities and recipients', () => {
  it('are read in the format of age-keygen', async () => {
    const text = `# created: 2026-01-01T00:00:00Z\n# public key: ${ours.recipient}\n${ours.secret}\n`;
    expect(await parseAgeIdentity(text)).toEqual(ours);
    expect(await parseAgeRecipient(` ${ours.recipient}\n`)).toBe(ours.recipient);
  });

  it('are refused with one character changed, and the fault does not reveal the identity', async () => {
    const alphabet = 'qpzry9x8gf2tvdw0s3jn54khce6mua7l';
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 57 }), fc.nat({ max: 31 }), async (at, letter) => {
        const changed = (text: string): string => {
          const start = text.length - 58 + at;
          const other = alphabet[letter] ?? 'q';
          return (
            text.slice(0, start) +
            (text.startsWith('age') ? other : other.toUpperCase()) +
            text.slice(start + 1)
          );
        };
        fc.pre(changed(ours.recipient) !== ours.recipient && changed(ours.secret) !== ours.secret);
        const fault = { kind: 'invalid' };
        await expect(parseAgeRecipient(changed(ours.recipient))).rejects.toMatchObject(fault);
        const thrown: unknown = await parseAgeIdentity(changed(ours.secret)).catch((error: unknown) => error);
        expect(thrown).toMatchObject(fault);
        expect(JSON.stringify(thrown) + String(thrown)).not.toContain(ours.secret.slice(20, 40));
      }),
      { numRuns: 50 },
    );
  });
});
