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

/** The last report of a node about the files that the nodes share. */
export interface SharedFilesReport {
  /** The id of the machine's first process. */
  readonly id: string;
  /** The last revision that it has seen. */
  readonly revision: number;
  /** The paths of files that it kept beside others, because two nodes had changed them. */
  readonly conflicts: readonly string[];
  /** Sentences about files that it could not send or receive. */
  readonly problems: readonly string[];
  readonly reportedMs: number;
}

/** The files that the nodes of a cluster share, in the database. */
export interface SharedFilesStatus {
  /** The number of files. */
  readonly files: number;
  /** Rises with each change. A node has all files if it has seen this revision. */
  readonly revision: number;
  readonly nodes: readonly SharedFilesReport[];
}
