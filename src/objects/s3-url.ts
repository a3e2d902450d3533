import { Fault } from '../model/fault.js';
import type { ObjectRef } from '../model/object-store.js';
import { maxKeyBytes } from '../model/path.js';

const scheme = 's3://';

/**
 * `s3://BUCKET/KEY` as the `aws` tool writes it: everything behind the bucket's slash is the key, as it stands (no percent signs,
 * no `?` and `#` with a meaning). The key is empty for `s3://BUCKET` and `s3://BUCKET/`. Throws `invalid` with the reason.
 */
export function parseS3Url(text: string): ObjectRef {
  if (!text.startsWith(scheme)) {
    throw new Fault('invalid', `${quoted(text)} is no place in S3: write s3://BUCKET/KEY`);
  }
  const slash = text.indexOf('/', scheme.length);
  const bucket = slash === -1 ? text.slice(scheme.length) : text.slice(scheme.length, slash);
  const key = slash === -1 ? '' : text.slice(slash + 1);
  // What S3 takes for a bucket and what other servers do besides: letters, digits, dots, hyphens, underscores.
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/.test(bucket)) {
    throw new Fault('invalid', `${quoted(bucket)} in ${quoted(text)} is no bucket name`);
  }
  if (/\p{Surrogate}/u.test(key)) throw new Fault('invalid', `${quoted(text)} is not valid Unicode`);
  if (Buffer.byteLength(key) > maxKeyBytes) {
    throw new Fault('invalid', `the key in ${quoted(text)} is longer than ${maxKeyBytes} bytes`);
  }
  return { bucket, key };
}

/** `parseS3Url` for what must name one object. */
export function parseObjectUrl(text: string): ObjectRef {
  const ref = parseS3Url(text);
  if (ref.key === '') throw new Fault('invalid', `${quoted(text)} names no object: write s3://BUCKET/KEY`);
  return ref;
}

/** What `parseS3Url` takes for this object. */
export function s3Url({ bucket, key }: ObjectRef): string {
  return `${scheme}${bucket}/${key}`;
}

export function isS3Url(text: string): boolean {
  return text.startsWith(scheme);
}

/** A name for a terminal's line: control characters and what redirects a terminal's text are written out, the rest stays. */
export function printable(name: string): string {
  return name.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

function quoted(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}...` : text);
}
