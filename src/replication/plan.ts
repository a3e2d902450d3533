/** A file that this node had in common with the database, and has recorded on its disk. */
export interface BaseFile {
  readonly version: number;
  /** The digest of the file as this node had it; null if it was removed. */
  readonly digest: string | null;
}

/** A file as the database has it. */
export interface RemoteFile {
  readonly version: number;
  /** Null for a removed file. */
  readonly digest: string | null;
}

/** The three sides of one path. */
export interface FileSides {
  /** Null if this node has never had the file in common with the database. */
  readonly base: BaseFile | null;
  /** The digest of the file on the disk of this node; null if it does not exist. */
  readonly local: string | null;
  /** Null without a row. */
  readonly remote: RemoteFile | null;
}

/** The action of a node for one path. */
export type FilePlan =
  /** Both sides are the same, and the base shows it. */
  | 'nothing'
  /** Both sides are the same. Record that. */
  | 'record'
  /** Store the local file, if the row still has the version that was read. */
  | 'store'
  /** Write or remove the local file. */
  | 'apply'
  /** Both sides have changed. Keep the local file beside, then apply the other one. */
  | 'conflict';

/**
 * Decides what to do with one path. The change that reached the database first stays. A row that is older than the
 * base comes from a backup of the database, or was removed there: the file on the disk replaces it.
 */
export function planFile({ base, local, remote }: FileSides): FilePlan {
  const baseVersion = base?.version ?? 0;
  const remoteVersion = remote?.version ?? 0;
  const isEdited = local !== (base?.digest ?? null);
  if (remoteVersion === baseVersion) return isEdited ? 'store' : 'nothing';
  if (local === (remote?.digest ?? null)) return 'record';
  if (remoteVersion < baseVersion) return 'store';
  return isEdited ? 'conflict' : 'apply';
}

/**
 * Returns the version of a change: higher than both sides. It is a time, so that a database which was restored from
 * a backup does not use a version again for another content.
 */
export function nextVersion({ base, remote }: Pick<FileSides, 'base' | 'remote'>, nowMs: number): number {
  return Math.max(base?.version ?? 0, remote?.version ?? 0, nowMs - 1) + 1;
}
