import {
  invalidArgument,
  noSuchKey,
  notImplemented,
  notModified,
  preconditionFailed,
  S3Error,
} from './errors.js';
import type { Headers } from './http/request.js';
import type { AnyVersion, ObjectVersion } from './storage/records.js';

/** The names of the condition headers for a read, and for the source of a copy. */
const readNames = {
  match: 'if-match',
  noneMatch: 'if-none-match',
  modifiedSince: 'if-modified-since',
  unmodifiedSince: 'if-unmodified-since',
} as const;
const copySourceNames = {
  match: 'x-amz-copy-source-if-match',
  noneMatch: 'x-amz-copy-source-if-none-match',
  modifiedSince: 'x-amz-copy-source-if-modified-since',
  unmodifiedSince: 'x-amz-copy-source-if-unmodified-since',
} as const;

/**
 * Throws PreconditionFailed or NotModified if the conditions of a read do not hold (RFC 9110
 * section 13.2.2).
 */
export function checkReadConditions(headers: Headers, version: ObjectVersion): void {
  const failed = failedCondition(headers, readNames, version);
  if (failed === null) return;
  if (failed === 'If-None-Match' || failed === 'If-Modified-Since') {
    const { code, status, message } = notModified();
    throw new S3Error(code, status, message, {
      headers: { etag: `"${version.etag}"`, 'last-modified': new Date(version.lastModifiedMs).toUTCString() },
    });
  }
  throw preconditionFailed(failed);
}

/** Throws PreconditionFailed if the conditions on the source of a copy do not hold. A copy has no 304. */
export function checkCopySourceConditions(headers: Headers, version: ObjectVersion): void {
  const failed = failedCondition(headers, copySourceNames, version);
  if (failed !== null) throw preconditionFailed(`x-amz-copy-source-${failed}`);
}

/** A match condition replaces the time condition beside it. */
function failedCondition(
  headers: Headers,
  names: Readonly<Record<keyof typeof readNames, string>>,
  version: ObjectVersion,
): string | null {
  const match = headers[names.match];
  const unmodifiedSince = parseDate(headers[names.unmodifiedSince]);
  if (match !== undefined) {
    if (!matchesEtag(match, version.etag)) return 'If-Match';
  } else if (unmodifiedSince !== null && wholeSeconds(version.lastModifiedMs) > unmodifiedSince) {
    return 'If-Unmodified-Since';
  }
  const noneMatch = headers[names.noneMatch];
  const modifiedSince = parseDate(headers[names.modifiedSince]);
  if (noneMatch !== undefined) {
    if (matchesEtag(noneMatch, version.etag)) return 'If-None-Match';
  } else if (modifiedSince !== null && wholeSeconds(version.lastModifiedMs) <= modifiedSince) {
    return 'If-Modified-Since';
  }
  return null;
}

/** The conditions of a write. They are checked again in the transaction of the write. */
export type WriteCondition =
  | { readonly kind: 'none' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'matches'; readonly etag: string };

/**
 * Parses `If-None-Match: *` or `If-Match: ETAG`. Throws for both, or another form: S3 has no others
 * for a write.
 */
export function parseWriteCondition(headers: Headers): WriteCondition {
  const match = headers['if-match'];
  const noneMatch = headers['if-none-match'];
  if (match !== undefined && noneMatch !== undefined)
    throw notImplemented('If-Match together with If-None-Match');
  if (noneMatch !== undefined) {
    if (noneMatch.trim() !== '*') throw notImplemented('If-None-Match with anything but "*" on a write');
    return { kind: 'absent' };
  }
  if (match === undefined) return { kind: 'none' };
  if (match.trim() === '') throw invalidArgument('The If-Match header is empty.', 'If-Match', match);
  return { kind: 'matches', etag: match };
}

/** Throws PreconditionFailed, or NoSuchKey if there is no object to match. */
export function checkWriteCondition(
  condition: WriteCondition,
  key: string,
  current: AnyVersion | null,
): void {
  if (condition.kind === 'none') return;
  const object = current === null || current.deleteMarker ? null : current;
  if (condition.kind === 'absent') {
    if (object !== null) throw preconditionFailed('If-None-Match');
    return;
  }
  if (object === null) throw noSuchKey(key);
  if (!matchesEtag(condition.etag, object.etag)) throw preconditionFailed('If-Match');
}

/** Matches an entity tag against a list of tags, quoted or not, or `*`. */
export function matchesEtag(header: string, etag: string): boolean {
  return header.split(',').some((item) => {
    const tag = item
      .trim()
      .replace(/^W\//, '')
      .replace(/^"(.*)"$/, '$1');
    return tag === '*' || tag === etag;
  });
}

/**
 * Returns milliseconds, or null if the header is absent or not a date: RFC 9110 section 13.1.3
 * requires a server to ignore it.
 */
function parseDate(text: string | undefined): number | null {
  if (text === undefined) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}

function wholeSeconds(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}
