import type { Command } from 'commander';
import type { WriteEncryption } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
import type { EncryptionRequest } from '../../objects/encryption-choice.js';
import type { EncryptionKeys } from '../../objects/encryption-keys.js';
import { parseEncryptionAnswer, parseKmsKeyAnswer } from '../terminal/answers.js';

/** Flags for the encryption of written objects. */
export interface EncryptionFlags {
  readonly sse?: string;
  readonly key?: string;
  readonly keepEncryption?: boolean;
  readonly allowDowngrade?: boolean;
  readonly gatewayFiles?: boolean;
}

/** Adds the flags for the encryption of written objects. */
export function addEncryptionFlags(command: Command): Command {
  return command
    .option('--sse <1-4>', 'encryption instead of the default: 1 SSE-S3, 2 SSE-KMS, 3 SSE-C, 4 none')
    .option('--key <id>', 'for --sse 3 at least 8 first digits of a key id, for --sse 2 a KMS key')
    .option('--allow-downgrade', 'allow weaker encryption than the default or the source has')
    .option('--gateway-files', 'allow names below .sftpgw/, which belong to the gateway');
}

/**
 * Returns the encryption that the flags request. Throws `invalid`, `not-found` (unknown key) and
 * `conflict` (retired key).
 */
export async function encryptionRequest(
  flags: EncryptionFlags,
  keys: EncryptionKeys,
): Promise<EncryptionRequest> {
  if (flags.keepEncryption === true && flags.sse !== undefined) {
    throw new Fault('invalid', 'give --sse or --keep-encryption, not both');
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
  const option = parseEncryptionAnswer(sse);
  if (option === 1 || option === 4) {
    if (key !== undefined) throw new Fault('invalid', `--sse ${option} takes no --key`);
    return { kind: option === 1 ? 'sse-s3' : 'bucket-default' };
  }
  if (key === undefined) throw new Fault('invalid', `--sse ${option} needs --key`);
  if (option === 2) return { kind: 'sse-kms', keyArn: parseKmsKeyAnswer(key) };
  return customerKey(key.trim().toLowerCase(), keys);
}

async function customerKey(text: string, keys: EncryptionKeys): Promise<WriteEncryption> {
  if (!/^[0-9a-f]{8,32}$/.test(text)) {
    throw new Fault('invalid', '--key must be a key id or at least its first 8 digits, never the key itself');
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
