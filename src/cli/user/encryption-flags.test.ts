import { describe, expect, it } from 'vitest';
import { keysOf } from '../../objects/testing/object-world.js';
import { keyNamed } from '../../vault/testing/vault-world.js';
import { type EncryptionFlags, encryptionRequest } from './encryption-flags.js';

const key = keyNamed('one');
const keys = keysOf([key, keyNamed('two')]);
const given = async (flags: EncryptionFlags) => (await encryptionRequest(flags, keys)).given;

describe('the encryption of the flags', () => {
  it('is selected by its number, with the key whose id starts with the digits', async () => {
    expect(await given({})).toBeNull();
    expect(await given({ sse: '1' })).toEqual({ kind: 'sse-s3' });
    expect(await given({ sse: '4' })).toEqual({ kind: 'bucket-default' });
    expect(await given({ sse: '2', key: 'alias/k' })).toEqual({ kind: 'sse-kms', keyArn: 'alias/k' });
    expect(await given({ sse: '3', key: key.fingerprint })).toEqual({ kind: 'sse-c', key });
    expect(await given({ sse: '3', key: key.fingerprint.slice(0, 8).toUpperCase() })).toEqual({
      kind: 'sse-c',
      key,
    });
  });

  it.each<[EncryptionFlags, string, RegExp]>([
    [{ sse: '5' }, 'invalid', /must be 1/],
    [{ key: 'aaaaaaaa' }, 'invalid', /--key needs --sse/],
    [{ sse: '1', key: 'aaaaaaaa' }, 'invalid', /takes no --key/],
    [{ sse: '3' }, 'invalid', /needs --key/],
    [{ sse: '3', key: 'abc' }, 'invalid', /at least its first 8 digits/],
    [{ sse: '3', key: keyNamed('three').fingerprint }, 'not-found', /no key/],
    [{ sse: '1', keepEncryption: true }, 'invalid', /not both/],
  ])('%j is refused', async (flags, kind, words) => {
    await expect(encryptionRequest(flags, keys)).rejects.toMatchObject({ kind });
    await expect(encryptionRequest(flags, keys)).rejects.toThrow(words);
  });

  it('never shows an invalid key id, which may be the key itself', async () => {
    const base64 = Buffer.from(key.reveal()).toString('base64');
    const refused = encryptionRequest({ sse: '3', key: base64 }, keys);
    await expect(refused).rejects.toThrow(/never the key itself/);
    await expect(refused).rejects.not.toThrow(base64.slice(0, 12));
  });

  it('refuses a retired key', async () => {
    const retired = {
      ...keys,
      beginningWith: async () => [{ id: key.fingerprint, label: '', state: 'retired' as const }],
    };
    await expect(encryptionRequest({ sse: '3', key: key.fingerprint }, retired)).rejects.toMatchObject({
      kind: 'conflict',
    });
  });
});
