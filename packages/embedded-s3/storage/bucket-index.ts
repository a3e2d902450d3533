import type { IndexDatabase } from './index-database.js';
import type { Bucket, BucketEncryption, Versioning } from './records.js';
import { type BucketRow, bucketOf } from './row-codec.js';

/** The rows of buckets. Methods with changes run inside `IndexDatabase.write`. */
export class BucketIndex {
  readonly #insert;
  readonly #find;
  readonly #all;
  readonly #delete;
  readonly #holdsVersions;
  readonly #setVersioning;
  readonly #setEncryption;

  constructor({ sqlite }: IndexDatabase) {
    this.#insert = sqlite.prepare<[string, number, string]>(
      `INSERT INTO buckets (name, created_ms, versioning, encryption, blocks_sse_c) VALUES (?, ?, 'never', ?, 0)`,
    );
    this.#find = sqlite.prepare<[string], BucketRow>('SELECT * FROM buckets WHERE name = ?');
    this.#all = sqlite.prepare<[], BucketRow>('SELECT * FROM buckets ORDER BY name');
    this.#delete = sqlite.prepare<[string]>('DELETE FROM buckets WHERE name = ?');
    this.#holdsVersions = sqlite.prepare<[string]>('SELECT 1 FROM versions WHERE bucket = ? LIMIT 1');
    this.#setVersioning = sqlite.prepare<[string, string]>(
      'UPDATE buckets SET versioning = ? WHERE name = ?',
    );
    this.#setEncryption = sqlite.prepare<[string, number, string]>(
      'UPDATE buckets SET encryption = ?, blocks_sse_c = ? WHERE name = ?',
    );
  }

  find(name: string): Bucket | null {
    const row = this.#find.get(name);
    return row === undefined ? null : bucketOf(row);
  }

  /** In order of their names. */
  list(): readonly Bucket[] {
    return this.#all.all().map(bucketOf);
  }

  /** Returns false if there is a bucket of that name already. */
  create(name: string, nowMs: number, encryption: BucketEncryption): boolean {
    if (this.find(name) !== null) return false;
    this.#insert.run(name, nowMs, JSON.stringify(encryption));
    return true;
  }

  /** Returns true if it has no version and no delete marker. Incomplete uploads do not count. */
  isEmpty(name: string): boolean {
    return this.#holdsVersions.get(name) === undefined;
  }

  /** Removes an empty bucket. Its incomplete uploads must be removed first. */
  remove(name: string): void {
    this.#delete.run(name);
  }

  setVersioning(name: string, versioning: Versioning): void {
    this.#setVersioning.run(versioning, name);
  }

  setEncryption(name: string, encryption: BucketEncryption, blocksSseC: boolean): void {
    this.#setEncryption.run(JSON.stringify(encryption), blocksSseC ? 1 : 0, name);
  }
}
