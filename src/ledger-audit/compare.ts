import type { LiveRow } from '../model/ledger.js';
import type { ListedVersion } from '../model/object-versions.js';

/** Versions of one key in the bucket, compared with the ledger's rows. */
export interface KeyComparison extends ListedKey {
  readonly bucket: string;
  /** Versions with a row, newest first. */
  readonly matched: readonly { readonly version: ListedVersion; readonly row: LiveRow }[];
  /** Versions without a row, newest first. */
  readonly unknown: readonly ListedVersion[];
  /** Rows whose version is not listed, except rows confirmed after the listing. */
  readonly missing: readonly LiveRow[];
  /** Writes that are running, or that a crash left for the next start to settle. */
  readonly intended: readonly LiveRow[];
}

/** All versions of one key. `listedMs` is the time of the request. */
export interface ListedKey {
  readonly key: string;
  readonly versions: readonly ListedVersion[];
  readonly listedMs: number;
}

/** Pairs the versions and rows of one key. A row belongs to a version if both id and ETag match. */
export function compareKey(bucket: string, listed: ListedKey, rows: readonly LiveRow[]): KeyComparison {
  const left = new Set(rows.filter((row) => row.state !== 'intended'));
  const matched: { version: ListedVersion; row: LiveRow }[] = [];
  const unknown: ListedVersion[] = [];
  for (const version of listed.versions) {
    if (version.isDeleteMarker) continue;
    const matching = [...left].filter((row) => describesVersion(row, version));
    for (const row of matching) {
      left.delete(row);
      matched.push({ version, row });
    }
    if (matching.length === 0) unknown.push(version);
  }
  const missing = [...left].filter((row) => (row.settledMs ?? 0) <= listed.listedMs);
  const intended = rows.filter((row) => row.state === 'intended');
  return { ...listed, bucket, matched, unknown, missing, intended };
}

function describesVersion({ confirmation }: LiveRow, version: ListedVersion): boolean {
  if (confirmation === null || confirmation.etag !== version.etag) return false;
  // Without versioning the version id is `null`, which S3's answer to the write does not include.
  return (confirmation.versionId ?? 'null') === (version.versionId ?? 'null');
}
