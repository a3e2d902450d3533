import { generateKeyPairSync, randomBytes } from 'node:crypto';

export interface SshKeyPair {
  /** The text of a file such as `~/.ssh/id_ed25519`, without a passphrase. */
  readonly privateKey: string;
  /** A line for `authorized_keys`. */
  readonly publicKey: string;
}

const algorithm = 'ssh-ed25519';

/** A string as SSH writes it: its length, then the bytes (RFC 4251 section 5). */
function sshString(content: string | Uint8Array): Buffer {
  const bytes = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.byteLength);
  return Buffer.concat([length, bytes]);
}

/** 1, 2, 3, ... to the block size of the cipher `none` (openssh-key-v1 in OpenSSH's PROTOCOL.key). */
function padded(section: Buffer): Buffer {
  const missing = (8 - (section.byteLength % 8)) % 8;
  return Buffer.concat([section, Buffer.from(Array.from({ length: missing }, (_, index) => index + 1))]);
}

/**
 * A new ed25519 key pair as OpenSSH, PuTTYgen and WinSCP read it (OpenSSH's PROTOCOL.key). The comment goes into both
 * halves.
 */
export function createSshKeyPair(comment: string): SshKeyPair {
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' });
  if (d === undefined || x === undefined)
    throw new Error('the system made an ed25519 key without its halves');
  const seed = Buffer.from(d, 'base64url');
  const point = Buffer.from(x, 'base64url');
  const publicBlob = Buffer.concat([sshString(algorithm), sshString(point)]);
  // Both numbers the same: how a reader of an encrypted file knows that the passphrase was right.
  const check = randomBytes(4);
  const privateSection = Buffer.concat([
    check,
    check,
    sshString(algorithm),
    sshString(point),
    sshString(Buffer.concat([seed, point])),
    sshString(comment),
  ]);
  const one = Buffer.from([0, 0, 0, 1]);
  const file = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    sshString('none'),
    sshString('none'),
    sshString(''),
    one,
    sshString(publicBlob),
    sshString(padded(privateSection)),
  ]);
  const body = file.toString('base64').replace(/.{70}(?=.)/g, '$&\n');
  return {
    privateKey: `-----BEGIN OPENSSH PRIVATE KEY-----\n${body}\n-----END OPENSSH PRIVATE KEY-----\n`,
    publicKey: `${algorithm} ${publicBlob.toString('base64')} ${comment}`,
  };
}
