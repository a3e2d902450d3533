import type { Command } from 'commander';
import type { WriteEncryption } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
import type { EncryptionRequest } from '../../objects/encryption-choice.js';
import type { EncryptionKeys } from '../../objects/encryption-keys.js';
import { chosenEncryption } from '../../operations/encryption-request.js';
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
  } else if (key === undefined) throw new Fault('invalid', `--sse ${option} needs --key`);
  const given = key === undefined ? null : option === 2 ? parseKmsKeyAnswer(key) : key;
  return await chosenEncryption(option, given, keys);
}
