import Sqlite from 'better-sqlite3';

/**
 * Keys are TEXT with the BINARY collation, which compares the stored UTF-8 byte by byte: S3's own
 * order (https://www.sqlite.org/datatype3.html#collating_sequences).
 */
const objectsSchema = `
CREATE TABLE buckets (
  name TEXT PRIMARY KEY,
  created_ms INTEGER NOT NULL,
  versioning TEXT NOT NULL,
  encryption TEXT NOT NULL,
  blocks_sse_c INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE versions (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT,
  bucket TEXT NOT NULL REFERENCES buckets (name),
  key TEXT NOT NULL,
  version_id TEXT NOT NULL,
  is_latest INTEGER NOT NULL,
  delete_marker INTEGER NOT NULL,
  last_modified_ms INTEGER NOT NULL,
  size INTEGER NOT NULL,
  etag TEXT NOT NULL,
  description TEXT NOT NULL,
  encryption TEXT NOT NULL,
  checksum TEXT,
  parts_count INTEGER
) STRICT;
CREATE UNIQUE INDEX versions_by_id ON versions (bucket, key, version_id);
CREATE UNIQUE INDEX versions_latest ON versions (bucket, key) WHERE is_latest = 1;
CREATE INDEX versions_visible ON versions (bucket, key) WHERE is_latest = 1 AND delete_marker = 0;
CREATE INDEX versions_in_order ON versions (bucket, key, sequence DESC);

CREATE TABLE segments (
  sequence INTEGER NOT NULL REFERENCES versions (sequence) ON DELETE CASCADE,
  position INTEGER NOT NULL,
  body_id TEXT NOT NULL,
  wrapped_key BLOB NOT NULL,
  size INTEGER NOT NULL,
  part_number INTEGER NOT NULL,
  checksum TEXT,
  PRIMARY KEY (sequence, position)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX segments_by_body ON segments (body_id);

CREATE TABLE uploads (
  upload_id TEXT PRIMARY KEY,
  bucket TEXT NOT NULL REFERENCES buckets (name),
  key TEXT NOT NULL,
  initiated_ms INTEGER NOT NULL,
  description TEXT NOT NULL,
  encryption TEXT NOT NULL,
  checksum TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX uploads_in_order ON uploads (bucket, key, upload_id);

CREATE TABLE parts (
  upload_id TEXT NOT NULL REFERENCES uploads (upload_id) ON DELETE CASCADE,
  part_number INTEGER NOT NULL,
  body_id TEXT NOT NULL,
  wrapped_key BLOB NOT NULL,
  size INTEGER NOT NULL,
  etag TEXT NOT NULL,
  checksum TEXT NOT NULL,
  last_modified_ms INTEGER NOT NULL,
  PRIMARY KEY (upload_id, part_number)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX parts_by_body ON parts (body_id);
`;

const notificationsSchema = `
CREATE TABLE notifications (
  bucket TEXT PRIMARY KEY REFERENCES buckets (name) ON DELETE CASCADE,
  configuration TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`;

/** Uploads that became a version which still exists: their Complete may be repeated. */
const completionsSchema = `
CREATE TABLE completions (
  upload_id TEXT PRIMARY KEY,
  sequence INTEGER NOT NULL REFERENCES versions (sequence) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX completions_by_version ON completions (sequence);
`;

/** The steps from each version of the schema to the next. */
const migrations: readonly string[] = [objectsSchema, notificationsSchema, completionsSchema];

interface Pending {
  /** Makes the change, inside the transaction. */
  readonly apply: () => void;
  /** Settles the promise of the caller, when the change is on the disk. */
  readonly succeed: () => void;
  readonly fail: (error: unknown) => void;
}

/**
 * The index: SQLite in WAL mode, with every commit synced. Reads are immediate. Writes that arrive
 * together share one commit, and thus one sync. Each is a savepoint of its own, so that a failing
 * one undoes only itself.
 */
export class IndexDatabase {
  readonly sqlite: Sqlite.Database;
  #queue: Pending[] = [];
  #isScheduled = false;
  #isClosed = false;

  /** Opens or creates the index. Throws an Error that names the path if it is from a newer version. */
  constructor(path: string) {
    this.sqlite = new Sqlite(path);
    try {
      this.sqlite.pragma('journal_mode = WAL');
      this.sqlite.pragma('synchronous = FULL');
      this.sqlite.pragma('foreign_keys = ON');
      this.#migrate(path);
    } catch (error) {
      this.sqlite.close();
      throw error;
    }
  }

  /**
   * Runs `change` in a transaction, and resolves with its result when that is on the disk. `change`
   * runs alone and must not wait. If it throws, this throws the same error and the index is
   * unchanged.
   */
  write<T>(change: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#isClosed) {
        reject(new Error('the index is closed'));
        return;
      }
      const savepoint = this.sqlite.transaction(change);
      let succeed = (): void => undefined;
      this.#queue.push({
        apply: () => {
          const value = savepoint();
          succeed = () => resolve(value);
        },
        succeed: () => succeed(),
        fail: reject,
      });
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      setImmediate(() => this.#commit());
    });
  }

  #commit(): void {
    const batch = this.#queue;
    this.#queue = [];
    this.#isScheduled = false;
    if (this.#isClosed) {
      for (const pending of batch) pending.fail(new Error('the index is closed'));
      return;
    }
    const written: Pending[] = [];
    try {
      this.sqlite.exec('BEGIN IMMEDIATE');
      for (const pending of batch) {
        try {
          pending.apply();
          written.push(pending);
        } catch (error) {
          pending.fail(error);
          // A full disk may have ended the whole transaction: then no row of the batch is written.
          if (!this.sqlite.inTransaction) throw error;
        }
      }
      this.sqlite.exec('COMMIT');
    } catch (error) {
      if (this.sqlite.inTransaction) this.sqlite.exec('ROLLBACK');
      for (const pending of batch) pending.fail(error);
      return;
    }
    for (const pending of written) pending.succeed();
  }

  /** Commits the queued changes, then closes. */
  close(): void {
    if (this.#isClosed) return;
    if (this.#queue.length > 0) this.#commit();
    this.#isClosed = true;
    this.sqlite.close();
  }

  #migrate(path: string): void {
    const version = Number(this.sqlite.pragma('user_version', { simple: true }));
    const newest = migrations.length;
    if (version === newest) return;
    if (version > newest) {
      throw new Error(
        `${path} was written by a newer version of the embedded S3 server (schema ${version}, this one knows ${newest})`,
      );
    }
    const steps = migrations.slice(version).join('');
    this.sqlite.exec(`BEGIN IMMEDIATE; ${steps} PRAGMA user_version = ${newest}; COMMIT`);
  }
}
