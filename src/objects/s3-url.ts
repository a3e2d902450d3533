import { Fault } from '../model/fault.js';
import type { ObjectRef } from '../model/object-store.js';
import { maxKeyBytes } from '../model/path.js';

const scheme = 's3://';

/**
 * Parses `s3://BUCKET/KEY` in the notation of the `aws` tool. Everything after the bucket's slash is the key,
 * unchanged: percent signs, `?` and `#` are ordinary characters. The key is empty for `s3://BUCKET` and
 * `s3://BUCKET/`. Throws `invalid` with the reason.
 */
export function parseS3Url(text: string): ObjectRef {
  if (!text.startsWith(scheme)) {
    throw new Fault('invalid', `${quoted(text)} is not an S3 URL: expected s3://BUCKET/KEY`);
  }
  const slash = text.indexOf('/', scheme.length);
  const bucket = slash === -1 ? text.slice(scheme.length) : text.slice(scheme.length, slash);
  const key = slash === -1 ? '' : text.slice(slash + 1);
  // Allows the bucket names of S3 and of other servers: letters, digits, dots, hyphens and underscores.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/.test(bucket)) {
    throw new Fault('invalid', `${quoted(bucket)} in ${quoted(text)} is not a bucket name`);
  }
  if (/\p{Surrogate}/u.test(key)) throw new Fault('invalid', `${quoted(text)} is not valid Unicode`);
  if (Buffer.byteLength(key) > maxKeyBytes) {
    throw new Fault('invalid', `the key in ${quoted(text)} is longer than ${maxKeyBytes} bytes`);
  }
  return { bucket, key };
}

/** Parses the URL of one object. Throws `invalid` as `parseS3Url` does, and for an empty key. */
export function parseObjectUrl(text: string): ObjectRef {
  const ref = parseS3Url(text);
  if (ref.key === '') throw new Fault('invalid', `${quoted(text)} has no key: expected s3://BUCKET/KEY`);
  return ref;
}

/** Returns the URL that `parseS3Url` parses back to this object. */
export function s3Url({ bucket, key }: ObjectRef): string {
  return `${scheme}${bucket}/${key}`;
}

/** Makes a name safe for a terminal: escapes control characters and those that change the text direction. */
export function printable(name: string): string {
  return name.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}
