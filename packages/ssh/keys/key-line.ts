import { maxCertificateBytes } from './certificate.js';
import { KeyError } from './key-error.js';

/** A key or a certificate as a line of text: `type base64 comment` (sshd(8), AUTHORIZED_KEYS FILE FORMAT). */
export interface KeyLine {
  readonly type: string;
  /** The key in wire form. Its first string is `type`; the rest has not been checked. */
  readonly blob: Buffer;
  readonly comment: string;
}

const keyType =
  /^(?:ssh-(?:rsa|dss|ed25519|ed448)|ecdsa-sha2-[a-z0-9]+|sk-(?:ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com|[a-z0-9-]+-cert-v0[01]@openssh\.com)$/;

/** Returns true if the word is a key type that SSH has, accepted by this server or not. */
export function isKeyType(word: string): boolean {
  return word.length <= 64 && keyType.test(word);
}

/** Reads one line without options. Throws `KeyError` (`malformed`, `private`). */
export function parseKeyLine(line: string): KeyLine {
  const content = line.trim();
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(content)) {
    throw new KeyError(
      'private',
      'this is a private key: give the public one, in the file that ends in .pub',
    );
  }
  const [type = '', base64 = '', ...comment] = content.split(/[ \t]+/);
  if (!isKeyType(type)) {
    throw new KeyError(
      'malformed',
      'not a public key: expected a line such as "ssh-ed25519 AAAAC3Nza... name"',
    );
  }
  return { type, blob: decodeKeyBase64(base64, type), comment: comment.join(' ') };
}

/** Decodes the base64 text of a key and checks that the key begins with `type`. An empty `type` accepts any. Throws `KeyError`. */
export function decodeKeyBase64(base64: string, type: string): Buffer {
  if (base64 === '' || base64.length > 2 * maxCertificateBytes || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) {
    throw new KeyError('malformed', `malformed ${type || 'public'} key: not base64`);
  }
  const blob = Buffer.from(base64, 'base64');
  const typeBytes = blob.length < 4 ? 0 : blob.readUInt32BE(0);
  const found = blob.toString('latin1', 4, 4 + Math.min(64, typeBytes));
  if (typeBytes === 0 || found.length !== typeBytes || (type === '' ? !isKeyType(found) : found !== type)) {
    throw new KeyError('malformed', `the text is not a ${type || 'public'} key: it may be cut off`);
  }
  return blob;
}
