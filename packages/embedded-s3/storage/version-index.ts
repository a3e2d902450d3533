import { randomBytes } from 'node:crypto';
import type { IndexDatabase } from './index-database.js';
import type { AnyVersion, Description, NewVersion, Segment, Versioning } from './records.js';
import { formatEncryption, type SegmentRow, segmentOf, type VersionRow, versionOf } from './row-codec.js';

/** The id of a version that was written while versioning was not enabled. */
export const nullVersionId = 'null';

/** The result of a change to the versions of a key. `orphans` are bodies to discard after the commit. */
export interface VersionChange {
  readonly versionId: string;
  readonly deleteMarker: boolean;
  readonly orphans: readonly string[];
}

type InsertParameters = [
  string,
  string,
  string,
  number,
  number,
  number,
  string,
  string,
  string,
  string | null,
  number | null,
];

/** Versions and their segments. Methods with changes run inside `IndexDatabase.write`. */
export class VersionIndex {
  readonly #latest;
  readonly #byId;
  readonly #newest;
  readonly #insert;
  readonly #insertSegment;
  readonly #demote;
  readonly #promote;
  readonly #delete;
  readonly #segments;
  readonly #segmentBodies;
  readonly #isBodyKnown;
  readonly #setDescription;

  constructor({ sqlite }: IndexDatabase) {
    this.#latest = sqlite.prepare<[string, string], VersionRow>(
      'SELECT * FROM versions WHERE bucket = ? AND key = ? AND is_latest = 1',
    );
    this.#byId = sqlite.prepare<[string, string, string], VersionRow>(
      'SELECT * FROM versions WHERE bucket = ? AND key = ? AND version_id = ?',
    );
    this.#newest = sqlite.prepare<[string, string], { sequence: number }>(
      'SELECT sequence FROM versions WHERE bucket = ? AND key = ? ORDER BY sequence DESC LIMIT 1',
    );
    this.#insert = sqlite.prepare<InsertParameters>(
      `INSERT INTO versions (bucket, key, version_id, is_latest, delete_marker, last_modified_ms, size, etag,
         description, encryption, checksum, parts_count) VALUES (?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#insertSegment = sqlite.prepare<[number, number, string, Uint8Array, number, number, string | null]>(
      `INSERT INTO segments (sequence, position, body_id, wrapped_key, size, part_number, checksum)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#demote = sqlite.prepare<[string, string]>(
      'UPDATE versions SET is_latest = 0 WHERE bucket = ? AND key = ? AND is_latest = 1',
    );
    this.#promote = sqlite.prepare<[number]>('UPDATE versions SET is_latest = 1 WHERE sequence = ?');
    this.#delete = sqlite.prepare<[number]>('DELETE FROM versions WHERE sequence = ?');
    this.#segments = sqlite.prepare<[number], SegmentRow>(
      'SELECT body_id, wrapped_key, size, part_number, checksum FROM segments WHERE sequence = ? ORDER BY position',
    );
    this.#segmentBodies = sqlite.prepare<[number], { body_id: string }>(
      'SELECT body_id FROM segments WHERE sequence = ?',
    );
    this.#isBodyKnown = sqlite.prepare<[string, string]>(
      'SELECT 1 FROM segments WHERE body_id = ? UNION ALL SELECT 1 FROM parts WHERE body_id = ?',
    );
    this.#setDescription = sqlite.prepare<[string, number]>(
      'UPDATE versions SET description = ? WHERE sequence = ?',
    );
  }

  /** Returns the latest version, which may be a delete marker; null if the key has none. */
  latest(bucket: string, key: string): AnyVersion | null {
    const row = this.#latest.get(bucket, key);
    return row === undefined ? null : versionOf(row);
  }

  byId(bucket: string, key: string, versionId: string): AnyVersion | null {
    const row = this.#byId.get(bucket, key, versionId);
    return row === undefined ? null : versionOf(row);
  }

  /** Returns the stored bodies of a version, in order. */
  segments(sequence: number): readonly Segment[] {
    return this.#segments.all(sequence).map(segmentOf);
  }

  /** Returns true if a version or an incomplete upload has this body. */
  isBodyKnown(bodyId: string): boolean {
    return this.#isBodyKnown.get(bodyId, bodyId) !== undefined;
  }

  /** Adds a version as the latest. Without versioning it replaces the null version. */
  add(version: NewVersion, segments: readonly Segment[], versioning: Versioning): VersionChange {
    const { versionId, orphans } = this.#makeRoom(version.bucket, version.key, versioning);
    const { lastInsertRowid } = this.#insert.run(
      version.bucket,
      version.key,
      versionId,
      0,
      version.lastModifiedMs,
      version.size,
      version.etag,
      JSON.stringify(version.description),
      formatEncryption(version.encryption),
      version.checksum === null ? null : JSON.stringify(version.checksum),
      version.partsCount,
    );
    const sequence = Number(lastInsertRowid);
    segments.forEach((segment, position) => {
      this.#insertSegment.run(
        sequence,
        position,
        segment.bodyId,
        segment.wrappedKey,
        segment.size,
        segment.partNumber,
        segment.checksum,
      );
    });
    return { versionId, deleteMarker: false, orphans };
  }

  /** Adds a delete marker as the latest version. */
  addDeleteMarker(bucket: string, key: string, versioning: Versioning, nowMs: number): VersionChange {
    const { versionId, orphans } = this.#makeRoom(bucket, key, versioning);
    this.#insert.run(bucket, key, versionId, 1, nowMs, 0, '', '{}', '{}', null, null);
    return { versionId, deleteMarker: true, orphans };
  }

  /**
   * Removes one version permanently; the newest of the others becomes the latest. Returns null if
   * there is none with that id.
   */
  removeVersion(bucket: string, key: string, versionId: string): VersionChange | null {
    const row = this.#byId.get(bucket, key, versionId);
    if (row === undefined) return null;
    const orphans = this.#remove(row.sequence);
    if (row.is_latest === 1) {
      const next = this.#newest.get(bucket, key);
      if (next !== undefined) this.#promote.run(next.sequence);
    }
    return { versionId, deleteMarker: row.delete_marker === 1, orphans };
  }

  /** Changes tags and ACL without a new version. */
  setDescription(sequence: number, description: Description): void {
    this.#setDescription.run(JSON.stringify(description), sequence);
  }

  /** Turns the latest version into an older one, and removes the null version if the new one replaces it. */
  #makeRoom(
    bucket: string,
    key: string,
    versioning: Versioning,
  ): { versionId: string; orphans: readonly string[] } {
    const versionId = versioning === 'Enabled' ? newVersionId() : nullVersionId;
    const replaced = versionId === nullVersionId ? this.#byId.get(bucket, key, nullVersionId) : undefined;
    const orphans = replaced === undefined ? [] : this.#remove(replaced.sequence);
    this.#demote.run(bucket, key);
    return { versionId, orphans };
  }

  #remove(sequence: number): readonly string[] {
    const bodies = this.#segmentBodies.all(sequence).map((row) => row.body_id);
    this.#delete.run(sequence);
    return bodies;
  }
}

/** Returns true if a version may have this id, whether or not there is one. */
export function isVersionId(text: string): boolean {
  return text === nullVersionId || /^[A-Za-z0-9._]{32}$/.test(text);
}

/** Returns 32 characters that need no escaping in a URL and do not look like an option on a command line. */
export function newVersionId(): string {
  return randomBytes(24).toString('base64url').replaceAll('-', '.');
}
