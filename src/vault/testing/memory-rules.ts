import { checksumOf } from '../../bytes/running-checksum.js';
import { compareChecksums } from '../../model/checksum.js';
import type { ObjectEncryption, ReadAccess, WriteEncryption } from '../../model/encryption.js';
import { Fault } from '../../model/fault.js';
import type { ObjectRef, ReplayableBody } from '../../model/object-store.js';

/** Returns a unique name of an object. */
export function nameOf(ref: ObjectRef): string {
  return `${ref.bucket}/${ref.key}`;
}

/** Returns the body's bytes. Throws if they do not match its length and checksum. */
export async function checked(body: ReplayableBody): Promise<Buffer> {
  const bytes = Buffer.concat('chunks' in body ? body.chunks : await collected(body.stream()));
  if (bytes.byteLength !== body.byteLength) throw new Error('the body does not have its declared length');
  if (compareChecksums(checksumOf(body.checksum.algorithm, bytes), body.checksum) !== 'same') {
    throw new Fault('corrupt', 'BadDigest: the checksum does not match');
  }
  return bytes;
}

async function collected(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const collected: Uint8Array[] = [];
  for await (const piece of pieces) collected.push(piece);
  return collected;
}

/** Returns the encryption that the store reports for a write. */
export function encryptionOf(encryption: WriteEncryption): ObjectEncryption {
  if (encryption.kind === 'sse-c') return { kind: 'sse-c', keyMd5Base64: encryption.key.md5Base64 };
  if (encryption.kind === 'bucket-default') return { kind: 'sse-s3' };
  return encryption;
}

/** Throws `key-missing` or `key-mismatch` unless the access opens the object. */
export function requireKey(ref: ObjectRef, encryption: WriteEncryption, access: ReadAccess): void {
  if (encryption.kind !== 'sse-c') {
    if (access.kind === 'sse-c')
      throw new Fault('key-mismatch', `${ref.bucket}/${ref.key} has no customer key`);
    return;
  }
  if (access.kind === 'no-key') throw new Fault('key-missing', `${ref.bucket}/${ref.key} needs a key`);
  if (!access.key.equals(encryption.key))
    throw new Fault('key-mismatch', `${ref.bucket}/${ref.key} needs another key`);
}

/** Throws `invalid` for metadata that HTTP headers cannot carry unchanged. */
export function checkMetadata(metadata: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(metadata)) {
    const fits = /^[a-z0-9._-]+$/.test(name) && /^[\x20-\x7e]*$/.test(value) && value.trim() === value;
    if (!fits) throw new Fault('invalid', `the metadata ${name} does not fit a header`);
  }
}
