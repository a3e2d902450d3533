import type { Ban } from './bans.js';
import type { LoginFacts } from './live.js';

/** A process that runs a gateway, among several that share a database. Its epoch ends with the process. */
export interface NodeProcess {
  readonly node: string;
  readonly epoch: number;
}

/** The numbers of sessions of the other live nodes. */
export interface SessionCounts {
  readonly count: number;
  readonly byUser: ReadonlyMap<string, number>;
  /** By the address or network that the limit by address counts. */
  readonly bySource: ReadonlyMap<string, number>;
}

/** A session of this node, as other nodes learn of it. */
export interface SharedSession {
  readonly id: string;
  readonly login: LoginFacts;
  readonly source: string | null;
  readonly startedMs: number;
}

/** A session of another live node. */
export interface OtherSession extends SharedSession {
  readonly process: NodeProcess;
  /** The name of the node's machine. */
  readonly nodeName: string;
}

/** The failures that the nodes count together. */
export type LoginCountKind = 'penalties' | 'bans' | 'sources' | 'users' | 'pairs';

/** Points to add to a count. The first points of a subject start its window. */
export interface AddedPoints {
  readonly kind: LoginCountKind;
  readonly subject: string;
  readonly points: number;
  readonly windowMs: number;
}

/** A login of a user from an address. `atMs` is in milliseconds since the epoch. */
export interface KnownLogin {
  readonly source: string;
  readonly username: string;
  readonly atMs: number;
}

/** How far a node has read the changes of others. */
export interface LoginRevisions {
  readonly bans: number;
  readonly logins: number;
}

/** The changes of all nodes behind a revision. */
export interface LoginChanges {
  readonly revisions: LoginRevisions;
  readonly bans: readonly Ban[];
  /** The addresses whose bans and failures were cleared. */
  readonly cleared: readonly string[];
  readonly logins: readonly KnownLogin[];
}

/** The news of one node for the others. */
export interface LoginReport {
  readonly points: readonly AddedPoints[];
  /** Counts to reset. They are reset before points are added. */
  readonly resets: readonly Pick<AddedPoints, 'kind' | 'subject'>[];
  readonly bans: readonly Ban[];
  /** Addresses whose bans are ended and whose failures are forgotten. */
  readonly cleared: readonly string[];
  readonly logins: readonly KnownLogin[];
}

/** Bans, known logins and counts of failures that several nodes share. All methods throw the database's faults. */
export interface SharedLogins {
  /** Stores a report completely or not at all. Returns the sums of its points, in their order. */
  report(report: LoginReport): Promise<readonly number[]>;
  changesSince(revisions: LoginRevisions): Promise<LoginChanges>;
}

/** One process of a gateway that runs several on this machine (`workers`). */
export interface WorkerPlace {
  /** A number from 1 on, which no other process of the gateway has meanwhile. */
  readonly slot: number;
  /** The number of processes that share the gateway's limits. */
  readonly count: number;
}

/** A file below the root, as the database has it. */
export interface StoredRootFile {
  /** The path below the root. */
  readonly path: string;
  readonly version: number;
  /** Higher than that of every change of any file before. */
  readonly revision: number;
  /** The content, or the mark of a removed file, sealed. */
  readonly content: string;
}

/** A change of a file. It is stored only if the row has the version `replaces`; 0 stands for no row. */
export interface RootFileChange {
  readonly path: string;
  readonly replaces: number;
  readonly version: number;
  /** The content, or the mark of a removed file, sealed. */
  readonly content: string;
  readonly isRemoved: boolean;
}

/** The report of a node about its files. */
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
