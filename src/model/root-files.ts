/** A file below the root, as the database has it. */
export interface StoredRootFile {
  /** The path below the root. */
  readonly path: string;
  readonly version: number;
  /** Higher than that of every change of any file before. */
  readonly revision: number;
  /** The sealed content; null for a removed file. */
  readonly content: string | null;
}

/** A change of a file. It is stored only if the row has the version `replaces`; 0 stands for no row. */
export interface RootFileChange {
  readonly path: string;
  readonly replaces: number;
  readonly version: number;
  readonly content: string | null;
}

/** What a node reports about its files. */
export interface RootFileReport {
  /** The last revision that it has seen. */
  readonly revision: number;
  /** The paths, below the root, of files that it kept beside others. */
  readonly conflicts: readonly string[];
  /** Sentences about files that it could not share or write. */
  readonly problems: readonly string[];
}

/** The files that the nodes of a cluster share. All methods throw the database's faults. */
export interface RootFiles {
  /** Returns the digest of the cluster's identity; null if the database has no cluster. */
  identity(): Promise<string | null>;
  /** Returns up to `limit` changes behind a revision, in order. */
  changesSince(revision: number, limit: number): Promise<readonly StoredRootFile[]>;
  /** Returns the last revision, 0 without files. */
  lastRevision(): Promise<number>;
  /** Returns the files with these paths. */
  files(paths: readonly string[]): Promise<readonly StoredRootFile[]>;
  /** Returns the versions of all files. */
  versions(): Promise<ReadonlyMap<string, number>>;
  /** Stores changes in one transaction, and tells the other nodes. Returns the paths whose row had another version. */
  store(changes: readonly RootFileChange[]): Promise<ReadonlySet<string>>;
  /** Stores the report of this node. */
  report(report: RootFileReport): Promise<void>;
}
