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
