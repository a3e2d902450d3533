import { expect, it } from 'vitest';
import { newAgeIdentity, parseAgeIdentity } from './age.js';
import { createSecretSeal } from './secret-seal.js';

async function newIdentity() {
  const { secret } = await newAgeIdentity();
  const read = () => parseAgeIdentity(secret);
  return { read, readOrMake: read };
}

const secret = Buffer.from('a secret of 32 bytes, or another');

it('a sealed secret is opened only by the same gateway, for the same owner and purpose', async () => {
  const identity = await newIdentity();
  const seal = createSecretSeal(identity, 'webhook');
  const sealed = await seal.seal('one', secret);
  expect(await seal.open('one', sealed)).toEqual(secret);
  const mismatch = { kind: 'key-mismatch' };
  await expect(seal.open('two', sealed)).rejects.toMatchObject(mismatch);
  await expect(createSecretSeal(identity, 'other').open('one', sealed)).rejects.toMatchObject(mismatch);
  const stranger = createSecretSeal(await newIdentity(), 'webhook');
  await expect(stranger.open('one', sealed)).rejects.toMatchObject(mismatch);
  const without = createSecretSeal({ ...identity, read: async () => null }, 'webhook');
  await expect(without.open('one', sealed)).rejects.toMatchObject(mismatch);
});

it('a sealed secret that was changed or cut is refused', async () => {
  const seal = createSecretSeal(await newIdentity(), 'webhook');
  const sealed = await seal.seal('one', secret);
  const bytes = Buffer.from(sealed.slice(3), 'base64');
  for (const at of [0, 11, 12, 27, 28, bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await expect(seal.open('one', `v1.${changed.toString('base64')}`)).rejects.toThrow();
  }
  for (const text of ['', 'v1.', sealed.slice(0, 20), sealed.replace('v1.', 'v2.')]) {
    await expect(seal.open('one', text)).rejects.toMatchObject({ kind: 'key-mismatch' });
  }
});

it('the same secret is sealed differently each time, without showing it', async () => {
  const seal = createSecretSeal(await newIdentity(), 'webhook');
  const [one, other] = [await seal.seal('a', secret), await seal.seal('a', secret)];
  expect(one).not.toBe(other);
  expect(Buffer.from(one.slice(3), 'base64').includes(secret.subarray(0, 8))).toBe(false);
});
