import type { EncryptionOption, WriteEncryption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import type { EncryptionKeys } from '../objects/encryption-keys.js';

/**
 * Returns the encryption that a person chooses for an object. `key` is a KMS key for option 2, and for option 3
 * the first 8 or more digits of a key's id. Throws `invalid`, `not-found` (unknown key), `conflict` (retired key) and
 * `key-missing`.
 */
export async function chosenEncryption(
  option: EncryptionOption,
  key: string | null,
  keys: EncryptionKeys,
): Promise<WriteEncryption> {
  if (option === 1 || option === 4) {
    if (key !== null) throw new Fault('invalid', `encryption ${option} takes no key`);
    return { kind: option === 1 ? 'sse-s3' : 'bucket-default' };
  }
  if (key === null) throw new Fault('invalid', `encryption ${option} needs a key`);
  if (option === 2) return { kind: 'sse-kms', keyArn: key };
  return await customerKey(key.trim().toLowerCase(), keys);
}

async function customerKey(text: string, keys: EncryptionKeys): Promise<WriteEncryption> {
  if (!/^[0-9a-f]{8,32}$/.test(text)) {
    throw new Fault(
      'invalid',
      'the key must be a key id or at least its first 8 digits, never the key itself',
    );
  }
  const [found, ...others] = await keys.beginningWith(text);
  if (found === undefined) throw new Fault('not-found', `there is no key ${text}: see \`sftpgw key list\``);
  if (others.length > 0) {
    throw new Fault('invalid', `${others.length + 1} keys begin with ${text}: give more digits`);
  }
  if (found.state !== 'active') {
    throw new Fault('conflict', `the key ${found.id} is ${found.state}: it only opens existing objects`);
  }
  const key = await keys.open(found.id);
  if (key === null) throw new Fault('key-missing', `the key ${found.id} is not available`);
  return { kind: 'sse-c', key };
}
