/** A file below the root that the nodes of a cluster share. */
export interface RootFileTable {
  /** The path below the root. */
  path: string;
  /** Higher than that of the row before. A change names the version that it replaces. */
  version: number;
  /** Higher than that of every change of any file before. */
  revision: number;
  /** The content, or the mark of a removed file, sealed with a key of the identity. */
  content: string;
  /** 1 for a removed file. Only for people: the seal decides. */
  is_removed: number;
  /** The node that changed it. */
  node: string;
  /** Time of the database's clock, in milliseconds. */
  changed_ms: number;
}

/** The cluster whose files the database has. One row at most. */
export interface ClusterRootTable {
  id: string;
  /** A digest that shows whether a node has the identity of the cluster. */
  identity: string;
  created_ms: number;
}

/** A token with which one machine may join. */
export interface JoinTokenTable {
  token_hash: string;
  /** The identity, sealed with a key of the token. */
  sealed_identity: string;
  /** Time of the database's clock, in milliseconds. */
  expires_ms: number;
}

/** The report of a node about its files. */
export interface RootNodeTable {
  node: string;
  /** The last revision that it has seen. */
  revision: number;
  /** The paths of files that it kept beside others, as JSON. */
  conflicts: string;
  /** Sentences about files that it could not share, as JSON. */
  problems: string;
  reported_ms: number;
}
