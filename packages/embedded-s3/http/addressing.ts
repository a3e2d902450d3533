import { invalidUri, keyTooLong } from '../errors.js';

export interface Address {
  readonly bucket: string | null;
  readonly key: string | null;
  /** The path as sent, without the query. */
  readonly resource: string;
  readonly query: URLSearchParams;
}

/** S3's limit, in bytes of UTF-8. https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html */
const maxKeyBytes = 1024;

/**
 * Returns the bucket and key of a request: virtual-hosted style if the host is a name below one of
 * `domains` (`bucket.localhost`), else path style. Throws InvalidURI for a path that is not
 * percent-encoded UTF-8, and KeyTooLongError.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html
 */
export function parseAddress(url: string, host: string | undefined, domains: readonly string[]): Address {
  const mark = url.indexOf('?');
  const target = mark < 0 ? url : url.slice(0, mark);
  // A request line for a proxy has scheme and host before the path.
  const resource = target.replace(/^https?:\/\/[^/]*/i, '') || '/';
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  if (!resource.startsWith('/')) throw invalidUri();
  const path = decodePath(resource.slice(1));
  const hosted = bucketOfHost(host, domains);
  if (hosted !== null) return { bucket: hosted, key: parseKey(path), resource, query };
  const slash = path.indexOf('/');
  const bucket = slash < 0 ? path : path.slice(0, slash);
  if (bucket === '') {
    if (path !== '') throw invalidUri();
    return { bucket: null, key: null, resource, query };
  }
  return { bucket, key: slash < 0 ? null : parseKey(path.slice(slash + 1)), resource, query };
}

function parseKey(text: string): string | null {
  if (text === '') return null;
  const bytes = Buffer.byteLength(text);
  if (bytes > maxKeyBytes) throw keyTooLong({ Size: String(bytes), MaxSizeAllowed: String(maxKeyBytes) });
  return text;
}

/** Decodes percent-encoded UTF-8. Throws InvalidURI. */
export function decodePath(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidUri();
  }
}

function bucketOfHost(host: string | undefined, domains: readonly string[]): string | null {
  if (host === undefined) return null;
  const name = host.replace(/:\d+$/, '').toLowerCase();
  if (domains.includes(name)) return null;
  let bucket: string | null = null;
  for (const domain of domains) {
    if (!name.endsWith(`.${domain}`)) continue;
    const candidate = name.slice(0, -domain.length - 1);
    // The longest domain wins: `b.s3.localhost` is bucket `b`, not `b.s3`.
    if (bucket === null || candidate.length < bucket.length) bucket = candidate;
  }
  return bucket;
}

/**
 * The naming rules of buckets.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
 */
export function isBucketName(name: string): boolean {
  return (
    /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(name) &&
    !name.includes('..') &&
    !/^\d+\.\d+\.\d+\.\d+$/.test(name) &&
    !name.startsWith('xn--') &&
    !name.endsWith('-s3alias')
  );
}
