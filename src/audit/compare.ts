import type { LiveRow } from '../model/ledger.js';
import type { ListedVersion } from '../model/object-store.js';

/** What the bucket and the ledger say of one key, put together. */
export interface KeyComparison extends ListedKey {
  readonly bucket: string;
  /** Versions that a row tells of. The newest first. */
  readonly matched: readonly { readonly version: ListedVersion; readonly row: LiveRow }[];
  /** Versions that no row tells of. The newest first. */
  readonly unknown: readonly ListedVersion[];
  /** Rows whose version is not listed. What was confirmed after the listing is not among them. */
  readonly missing: readonly LiveRow[];
  /** Writes under way, or left by a crash for the next start to settle. */
  readonly intended: readonly LiveRow[];
}

/** All versions of one key, with when they were asked for. */
export interface ListedKey {
  readonly key: string;
  readonly versions: readonly ListedVersion[];
  readonly listedMs: number;
}

/** Pairs versions and rows of one key. A row tells of a version when both its id and its ETag are the version's. */
export function compareKey(bucket: string, listed: ListedKey, rows: readonly LiveRow[]): KeyComparison {
  const left = new Set(rows.filter((row) => row.state !== 'intended'));
  const matched: { version: ListedVersion; row: LiveRow }[] = [];
  const unknown: ListedVersion[] = [];
  for (const version of listed.versions) {
    if (version.isDeleteMarker) continue;
    const telling = [...left].filter((row) => describesVersion(row, version));
    for (const row of telling) {
      left.delete(row);
      matched.push({ version, row });
    }
    if (telling.length === 0) unknown.push(version);
  }
  const missing = [...left].filter((row) => (row.settledMs ?? 0) <= listed.listedMs);
  const intended = rows.filter((row) => row.state === 'intended');
  return { ...listed, bucket, matched, unknown, missing, intended };
}

function describesVersion({ confirmation }: LiveRow, version: ListedVersion): boolean {
  if (confirmation === null || confirmation.etag !== version.etag) return false;
  // What is written without versioning has the version `null`, which the answer to the write did not say.
  return (confirmation.versionId ?? 'null') === (version.versionId ?? 'null');
}
