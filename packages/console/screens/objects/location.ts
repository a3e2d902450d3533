import type { ObjectPlace } from '../../api/bytes.js';
import type { AnswerOf, ItemOf } from '../../api/endpoints.js';

export type Entry = ItemOf<'listObjects'>;
export type ListedObject = Extract<Entry, { readonly kind: 'object' }>;
export type ObjectStatus = AnswerOf<'getObject'>;
export type Encryption = ObjectStatus['encryption'];

/** Returns the page of a prefix. */
export function prefixPage(bucket: string, prefix: string): string {
  return `/objects?${new URLSearchParams({ bucket, ...(prefix === '' ? {} : { prefix }) })}`;
}

/** Returns the page of an object. */
export function objectPage({ bucket, key }: ObjectPlace): string {
  return `/objects?${new URLSearchParams({ bucket, object: key })}`;
}

/** Returns the URL of an object or prefix, as commands take it. */
export function s3Url(bucket: string, key: string): string {
  return `s3://${bucket}/${key}`;
}

/** Returns the last part of a key, with the slash of a prefix. */
export function lastPart(key: string): string {
  return key.slice(key.lastIndexOf('/', key.length - 2) + 1);
}

/** Returns the prefix that contains a key. */
export function parentOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/', key.length - 2) + 1);
}

/** Returns the prefixes that contain a key or prefix, the longest last: `a/`, `a/b/`. */
export function prefixesOf(key: string): readonly string[] {
  return [...key.matchAll(/\//g)].map(({ index }) => key.slice(0, index + 1));
}
