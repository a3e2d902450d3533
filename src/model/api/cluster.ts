/** A gateway that uses the database, or has used it. */
export interface ClusterNode {
  /** 16 hexadecimal digits, the same after a restart. */
  readonly id: string;
  /** The name of its machine. */
  readonly name: string;
  /** `dead`: it did not show itself for ten seconds. `stopped`: it ended in order. */
  readonly state: 'live' | 'dead' | 'stopped';
  /** Null if an older version has written the row. */
  readonly version: string | null;
  /** Times of the database's clock, in milliseconds. */
  readonly startedMs: number;
  readonly seenMs: number;
  /** Time since it has shown itself, by the clock of the database, in milliseconds. */
  readonly agoMs: number;
}
