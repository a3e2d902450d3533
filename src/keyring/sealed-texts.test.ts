import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { newAgeIdentity } from './age.js';
import { createSealedTexts } from './sealed-texts.js';

const entropy = { bytes: (length: number) => randomBytes(length), id: () => 'id' };

async function textsOf() {
  const identity = await newAgeIdentity();
  return createSealedTexts({ read: async () => identity, readOrMake: async () => identity }, entropy);
}

describe('sealed texts', () => {
  it('open for their purpose only, and never contain the text', async () => {
    const texts = await textsOf();
    const sealed = await texts.seal('GEZDGNBVGY3TQOJQ', 'totp 1');
    expect(sealed).not.toContain('GEZDGNBVGY3TQOJQ');
    expect(await texts.open(sealed, 'totp 1')).toBe('GEZDGNBVGY3TQOJQ');
    expect(await texts.seal('GEZDGNBVGY3TQOJQ', 'totp 1')).not.toBe(sealed);
    await expect(texts.open(sealed, 'totp 2')).rejects.toMatchObject({ kind: 'corrupt' });
    await expect((await textsOf()).open(sealed, 'totp 1')).rejects.toMatchObject({ kind: 'corrupt' });
    await expect(texts.open('', 'totp 1')).rejects.toMatchObject({ kind: 'corrupt' });
    const changed = Buffer.from(sealed, 'base64url');
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    await expect(texts.open(changed.toString('base64url'), 'totp 1')).rejects.toMatchObject({
      kind: 'corrupt',
    });
  });
});
