import type { Command } from 'commander';
import type { WriteEncryption } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
import type { EncryptionRequest } from '../../objects/encryption-choice.js';
import type { EncryptionKeys } from '../../objects/encryption-keys.js';
import { parseEncryptionOption, parseKmsKey } from '../terminal/answers.js';

export interface EncryptionFlags {
  readonly sse?: string;
  readonly key?: string;
  readonly keepEncryption?: boolean;
  readonly allowDowngrade?: boolean;
  readonly gatewayFiles?: boolean;
}

/** The flags that say how what is written is encrypted. */
export function addEncryptionFlags(command: Command): Command {
  return command
    .option('--sse <1-4>', 'encryption, instead of that of the place: 1 SSE-S3, 2 SSE-KMS, 3 SSE-C, 4 none')
    .option('--key <id>', 'for --sse 3 the beginning of a key’s fingerprint, for --sse 2 a KMS key')
    .option('--allow-downgrade', 'take less encryption than the place or the source has')
    .option('--gateway-files', 'take names below .sftpgw/, which are the gateway’s own, too');
}

/** What the flags ask for. Throws `invalid`, `not-found` (no such key), `conflict` (a key that is not written with any more). */
export async function encryptionRequest(
  flags: EncryptionFlags,
  keys: EncryptionKeys,
): Promise<EncryptionRequest> {
  if (flags.keepEncryption === true && flags.sse !== undefined) {
    throw new Fault('invalid', 'say --sse or --keep-encryption, not both');
  }
  return {
    given: await givenEncryption(flags, keys),
    keep: flags.keepEncryption ?? false,
    allowDowngrade: flags.allowDowngrade ?? false,
    gatewayFiles: flags.gatewayFiles ?? false,
  };
}

async function givenEncryption(
  { sse, key }: EncryptionFlags,
  keys: EncryptionKeys,
): Promise<WriteEncryption | null> {
  if (sse === undefined) {
    if (key !== undefined) throw new Fault('invalid', '--key needs --sse 2 or --sse 3');
    return null;
  }
  const option = parseEncryptionOption(sse);
  if (option === 1 || option === 4) {
    if (key !== undefined) throw new Fault('invalid', `--sse ${option} takes no --key`);
    return { kind: option === 1 ? 'sse-s3' : 'bucket-default' };
  }
  if (key === undefined) throw new Fault('invalid', `--sse ${option} needs --key`);
  if (option === 2) return { kind: 'sse-kms', keyArn: parseKmsKey(key) };
  return customerKey(key.trim().toLowerCase(), keys);
}

async function customerKey(text: string, keys: EncryptionKeys): Promise<WriteEncryption> {
  if (!/^[0-9a-f]{8,32}$/.test(text)) {
    throw new Fault(
      'invalid',
      '--key wants a key’s fingerprint, or at least its first 8 digits; never the key itself',
    );
  }
  const [found, ...others] = await keys.beginningWith(text);
  if (found === undefined) throw new Fault('not-found', `there is no key ${text} at hand`);
  if (others.length > 0) {
    throw new Fault('invalid', `${others.length + 1} keys begin with ${text}: give more of the fingerprint`);
  }
  if (found.state !== 'active') {
    throw new Fault('conflict', `the key ${found.id} is ${found.state}: it only opens what it sealed`);
  }
  const key = await keys.open(found.id);
  if (key === null) throw new Fault('key-missing', `the key ${found.id} is not at hand`);
  return { kind: 'sse-c', key };
}
