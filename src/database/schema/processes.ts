/** A process that writes to the database. Only PostgreSQL has rows: a SQLite file has one gateway by its lock. */
export interface DatabaseWriterTable {
  id: string;
  kind: 'gateway' | 'command';
  host: string;
  /** Raised when another process takes over, which ends the writes of this one. */
  epoch: number;
  /** Set by each transaction. Shows after a lost connection whether the last one was committed. */
  last_commit: string | null;
  /** Times of the database's clock, in milliseconds. */
  started_ms: number;
  seen_ms: number;
}

/** The mark of a database whose rows were moved to another engine, or are being moved from one. One row at most. */
export interface DatabaseMoveTable {
  role: 'source' | 'target';
  /** The name of the other database, for people. */
  other: string;
}
