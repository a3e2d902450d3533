import { createHash, type JsonWebKey, type KeyObject } from 'node:crypto';
import { Fault } from '../model/fault.js';

/**
 * OpenSSH's format for private key files, unencrypted (OpenSSH PROTOCOL.key). `ssh-keygen` reads the keys
 * that the gateway creates, and an administrator can use the keys of an older server.
 */
const magic = Buffer.from('openssh-key-v1\0', 'latin1');
const armour = ['-----BEGIN OPENSSH PRIVATE KEY-----', '-----END OPENSSH PRIVATE KEY-----'] as const;

function string(value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.byteLength);
  return Buffer.concat([length, bytes]);
}

/** Encodes an mpint (RFC 4251 section 5): no leading zeros, except one zero byte if the first bit is set. */
function mpint(base64url: string | undefined): Buffer {
  let bytes: Buffer = Buffer.from(base64url ?? '', 'base64url');
  while (bytes[0] === 0) bytes = bytes.subarray(1);
  return string((bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.alloc(1), bytes]) : bytes);
}

function raw(base64url: string | undefined): Buffer {
  return Buffer.from(base64url ?? '', 'base64url');
}

/** Returns the public blob (RFC 4253 section 6.6, RFC 5656, RFC 8709) and the fields of the private key. */
function keyFields(jwk: JsonWebKey): { readonly publicBlob: Buffer; readonly privateFields: Buffer } {
  if (jwk.crv === 'Ed25519') {
    const type = string('ssh-ed25519');
    const publicKey = string(raw(jwk.x));
    const both = string(Buffer.concat([raw(jwk.d), raw(jwk.x)]));
    return {
      publicBlob: Buffer.concat([type, publicKey]),
      privateFields: Buffer.concat([type, publicKey, both]),
    };
  }
  if (jwk.crv === 'P-256') {
    const point = Buffer.concat([Buffer.from([4]), raw(jwk.x), raw(jwk.y)]);
    const publicBlob = Buffer.concat([string('ecdsa-sha2-nistp256'), string('nistp256'), string(point)]);
    return { publicBlob, privateFields: Buffer.concat([publicBlob, mpint(jwk.d)]) };
  }
  const type = string('ssh-rsa');
  return {
    publicBlob: Buffer.concat([type, mpint(jwk.e), mpint(jwk.n)]),
    privateFields: Buffer.concat([
      type,
      ...[jwk.n, jwk.e, jwk.d, jwk.qi, jwk.p, jwk.q].map((field) => mpint(field)),
    ]),
  };
}

/**
 * Encodes a private Ed25519, P-256 or RSA key as the text of a file. `check` holds four random bytes, which
 * the format repeats.
 */
export function encodeOpensshKey(key: KeyObject, comment: string, check: Uint8Array): string {
  const { publicBlob, privateFields } = keyFields(key.export({ format: 'jwk' }));
  const unpadded = Buffer.concat([check, check, privateFields, string(comment)]);
  const padding = Buffer.from(Array.from({ length: (8 - (unpadded.byteLength % 8)) % 8 }, (_, i) => i + 1));
  const one = Buffer.from([0, 0, 0, 1]);
  const body = Buffer.concat([
    magic,
    string('none'),
    string('none'),
    string(''),
    one,
    string(publicBlob),
    string(Buffer.concat([unpadded, padding])),
  ]);
  const lines = body.toString('base64').match(/.{1,70}/g) ?? [];
  return `${[armour[0], ...lines, armour[1]].join('\n')}\n`;
}

/**
 * Returns the public blob of a private key file. Throws `invalid` for another format and for a key with a
 * passphrase. `where` is the file's name in faults.
 */
export function publicBlobOfOpensshKey(text: string, where: string): Buffer {
  const trimmed = text.trim();
  const body =
    trimmed.startsWith(armour[0]) && trimmed.endsWith(armour[1])
      ? Buffer.from(trimmed.slice(armour[0].length, -armour[1].length), 'base64')
      : Buffer.alloc(0);
  let at = magic.byteLength;
  const next = (): Buffer => {
    const length = at + 4 <= body.byteLength ? body.readUInt32BE(at) : Number.POSITIVE_INFINITY;
    if (at + 4 + length > body.byteLength) {
      throw new Fault('invalid', `${where} is damaged: the key is truncated`);
    }
    const field = body.subarray(at + 4, at + 4 + length);
    at += 4 + length;
    return field;
  };
  if (!body.subarray(0, magic.byteLength).equals(magic)) {
    throw new Fault(
      'invalid',
      `${where} is not an OpenSSH private key; convert it with: ssh-keygen -p -N '' -f ${where}`,
    );
  }
  const [cipher] = [next(), next(), next()];
  if (cipher?.toString() !== 'none') {
    throw new Fault('invalid', `${where} has a passphrase; remove it with: ssh-keygen -p -N '' -f ${where}`);
  }
  at += 4;
  return Buffer.from(next());
}

/** Returns the key type in a public blob, such as `ssh-ed25519`. */
export function keyTypeOf(publicBlob: Buffer): string {
  return publicBlob.toString('latin1', 4, 4 + publicBlob.readUInt32BE(0));
}

/** Returns the fingerprint `SHA256:...`, as `ssh-keygen -l` and clients print it. */
export function keyFingerprint(publicBlob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(publicBlob).digest('base64').replace(/=+$/, '')}`;
}
