import type { IndexDatabase } from './index-database.js';
import type { Upload, UploadedPart } from './records.js';
import { formatEncryption, type PartRow, partOf, type UploadRow, uploadOf } from './row-codec.js';

/** Incomplete multipart uploads and their parts. Methods with changes run inside `IndexDatabase.write`. */
export class UploadIndex {
  readonly #find;
  readonly #insert;
  readonly #delete;
  readonly #part;
  readonly #parts;
  readonly #partsAfter;
  readonly #putPart;
  readonly #bodies;
  readonly #ofBucket;
  readonly #recordCompletion;
  readonly #completed;

  constructor({ sqlite }: IndexDatabase) {
    this.#find = sqlite.prepare<[string], UploadRow>('SELECT * FROM uploads WHERE upload_id = ?');
    this.#insert = sqlite.prepare<[string, string, string, number, string, string, string | null]>(
      `INSERT INTO uploads (upload_id, bucket, key, initiated_ms, description, encryption, checksum)
         VALUES (?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#delete = sqlite.prepare<[string]>('DELETE FROM uploads WHERE upload_id = ?');
    this.#part = sqlite.prepare<[string, number], PartRow>(
      'SELECT * FROM parts WHERE upload_id = ? AND part_number = ?',
    );
    this.#parts = sqlite.prepare<[string], PartRow>(
      'SELECT * FROM parts WHERE upload_id = ? ORDER BY part_number',
    );
    this.#partsAfter = sqlite.prepare<[string, number, number], PartRow>(
      'SELECT * FROM parts WHERE upload_id = ? AND part_number > ? ORDER BY part_number LIMIT ?',
    );
    this.#putPart = sqlite.prepare<[string, number, string, Uint8Array, number, string, string, number]>(
      `INSERT OR REPLACE INTO parts (upload_id, part_number, body_id, wrapped_key, size, etag, checksum,
         last_modified_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#bodies = sqlite.prepare<[string], { body_id: string }>(
      'SELECT body_id FROM parts WHERE upload_id = ?',
    );
    this.#ofBucket = sqlite.prepare<[string], { upload_id: string }>(
      'SELECT upload_id FROM uploads WHERE bucket = ?',
    );
    this.#recordCompletion = sqlite.prepare<[string, string, string, string]>(
      `INSERT INTO completions (upload_id, sequence)
         SELECT ?, sequence FROM versions WHERE bucket = ? AND key = ? AND version_id = ?`,
    );
    this.#completed = sqlite.prepare<[string, string, string], { version_id: string }>(
      `SELECT version_id FROM completions JOIN versions USING (sequence)
         WHERE upload_id = ? AND bucket = ? AND key = ?`,
    );
  }

  /** Returns null if the key has no upload with this id. */
  find(bucket: string, key: string, uploadId: string): Upload | null {
    const row = this.#find.get(uploadId);
    return row === undefined || row.bucket !== bucket || row.key !== key ? null : uploadOf(row);
  }

  create(upload: Upload): void {
    this.#insert.run(
      upload.uploadId,
      upload.bucket,
      upload.key,
      upload.initiatedMs,
      JSON.stringify(upload.description),
      formatEncryption(upload.encryption),
      upload.checksum === null ? null : JSON.stringify(upload.checksum),
    );
  }

  /** Returns every part, in order of the numbers. */
  parts(uploadId: string): readonly UploadedPart[] {
    return this.#parts.all(uploadId).map(partOf);
  }

  /** Returns at most `limit` parts with higher numbers. */
  partsAfter(uploadId: string, partNumber: number, limit: number): readonly UploadedPart[] {
    return this.#partsAfter.all(uploadId, partNumber, limit).map(partOf);
  }

  /** Adds a part or replaces the one with its number. Returns the bodies to discard after the commit. */
  putPart(uploadId: string, part: UploadedPart): readonly string[] {
    const replaced = this.#part.get(uploadId, part.partNumber);
    this.#putPart.run(
      uploadId,
      part.partNumber,
      part.bodyId,
      part.wrappedKey,
      part.size,
      part.etag,
      part.checksum,
      part.lastModifiedMs,
    );
    return replaced === undefined ? [] : [replaced.body_id];
  }

  /** Removes the upload and its parts. Returns all its bodies, used or not. */
  remove(uploadId: string): readonly string[] {
    const bodies = this.#bodies.all(uploadId).map((row) => row.body_id);
    this.#delete.run(uploadId);
    return bodies;
  }

  /** Records the version that an upload became. The record ends with the version. */
  recordCompletion({ uploadId, bucket, key }: Upload, versionId: string): void {
    this.#recordCompletion.run(uploadId, bucket, key, versionId);
  }

  /** Returns the id of the version that an upload became; null if there is none, or no longer. */
  completedVersion(bucket: string, key: string, uploadId: string): string | null {
    return this.#completed.get(uploadId, bucket, key)?.version_id ?? null;
  }

  /** Removes every incomplete upload of a bucket. Returns their bodies. */
  removeAllOf(bucket: string): readonly string[] {
    return this.#ofBucket.all(bucket).flatMap((row) => this.remove(row.upload_id));
  }
}
