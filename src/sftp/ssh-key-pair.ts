import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { encodeOpensshKey, keyTypeOf, publicBlobOfOpensshKey } from './openssh-key.js';

export interface SshKeyPair {
  /** The text of a file such as `~/.ssh/id_ed25519`, without a passphrase. */
  readonly privateKey: string;
  /** A line for `authorized_keys`. */
  readonly publicKey: string;
}

/** Creates an ed25519 key pair for OpenSSH, PuTTYgen and WinSCP. Both keys contain the comment. */
export function createSshKeyPair(comment: string): SshKeyPair {
  const { privateKey: key } = generateKeyPairSync('ed25519');
  const privateKey = encodeOpensshKey(key, comment, randomBytes(4));
  const blob = publicBlobOfOpensshKey(privateKey, 'the new key');
  return { privateKey, publicKey: `${keyTypeOf(blob)} ${blob.toString('base64')} ${comment}` };
}
