import type { IndexDatabase } from './index-database.js';
import type { AnyVersion, KeptChecksum, Upload } from './records.js';
import { type UploadRow, uploadOf, type VersionRow, versionOf } from './row-codec.js';

export interface ListedObject {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly storageClass: string;
  readonly checksum: KeptChecksum | null;
}

interface VisibleRow {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly last_modified_ms: number;
  readonly storage_class: string;
  readonly checksum: string | null;
}

/** Sorts after every key: keys have at most 1,024 bytes, and no character sorts after U+10FFFF. */
const afterAllKeys = '\u{10FFFF}'.repeat(257);

/** Reads rows in the order of their keys, from `lower` (included) to `upper` (excluded); null means unbounded. */
export class ListingIndex {
  readonly #visible;
  readonly #versions;
  readonly #uploads;

  constructor({ sqlite }: IndexDatabase) {
    this.#visible = sqlite.prepare<[string, string, string, number], VisibleRow>(
      `SELECT key, size, etag, last_modified_ms, description ->> '$.storageClass' AS storage_class, checksum
         FROM versions
         WHERE bucket = ? AND is_latest = 1 AND delete_marker = 0 AND key >= ? AND key < ?
         ORDER BY key LIMIT ?`,
    );
    this.#versions = sqlite.prepare<[string, string, number, string, number], VersionRow>(
      `SELECT * FROM versions
         WHERE bucket = ? AND (key, -sequence) >= (?, ?) AND key < ?
         ORDER BY key, sequence DESC LIMIT ?`,
    );
    this.#uploads = sqlite.prepare<[string, string, string, string, number], UploadRow>(
      `SELECT * FROM uploads
         WHERE bucket = ? AND (key, upload_id) >= (?, ?) AND key < ?
         ORDER BY key, upload_id LIMIT ?`,
    );
  }

  /** Latest versions that are not delete markers. */
  visible(bucket: string, lower: string, upper: string | null, limit: number): readonly ListedObject[] {
    return this.#visible.all(bucket, lower, upper ?? afterAllKeys, limit).map((row) => ({
      key: row.key,
      size: row.size,
      etag: row.etag,
      lastModifiedMs: row.last_modified_ms,
      storageClass: row.storage_class,
      checksum: row.checksum === null ? null : (JSON.parse(row.checksum) as KeptChecksum),
    }));
  }

  /**
   * Every version and delete marker: by key, the newest of a key first; those of `lower` below a
   * sequence.
   */
  versions(
    bucket: string,
    lower: { readonly key: string; readonly belowSequence: number | null },
    upper: string | null,
    limit: number,
  ): readonly (AnyVersion & { readonly isLatest: boolean })[] {
    const from = lower.belowSequence === null ? Number.MIN_SAFE_INTEGER : 1 - lower.belowSequence;
    return this.#versions
      .all(bucket, lower.key, from, upper ?? afterAllKeys, limit)
      .map((row) => ({ ...versionOf(row), isLatest: row.is_latest === 1 }));
  }

  /** Incomplete uploads by key, and for one key by id; those of `lower` from an id on. */
  uploads(
    bucket: string,
    lower: { readonly key: string; readonly uploadId: string },
    upper: string | null,
    limit: number,
  ): readonly Upload[] {
    return this.#uploads.all(bucket, lower.key, lower.uploadId, upper ?? afterAllKeys, limit).map(uploadOf);
  }
}
