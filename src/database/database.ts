import type { Kysely, Transaction } from 'kysely';
import type { Fault } from '../model/fault.js';
import type { Schema } from './schema.js';

/** The engines of the database. */
export type DatabaseEngine = 'sqlite' | 'postgres';

/** A setting of a database server that may cost writes which the gateway has acknowledged. */
export interface DatabaseWeakness {
  readonly setting: string;
  readonly value: string;
  /** The consequence, as a sentence. */
  readonly consequence: string;
}

/** The process that owns rows, among several nodes. Its epoch ends with the process. */
export interface RowOwner {
  /** The id of a gateway or of a command, 16 hexadecimal digits. */
  readonly node: string;
  readonly epoch: number;
}

/** A write that this process sees, and that may not be durable yet. */
export interface WrittenSoon {
  readonly saved: Promise<void>;
}

/** Messages that may be lost: the listener asks the database now and then, too. */
export interface DatabaseHints {
  /** Calls `listener` for each hint to this process, until the database is closed. */
  listen(listener: () => void): void;
}

/**
 * The gateway's database. Errors of the engine become faults: `unavailable` (locked, full, I/O error, lost
 * connection), `timed-out`, `corrupt`, `denied`, `bug`. Faults thrown by `work` pass through unchanged.
 */
export interface GatewayDatabase {
  readonly engine: DatabaseEngine;
  /** This process, if several gateways may use the database; otherwise null. */
  readonly owner: RowOwner | null;
  /**
   * Runs `work` on a snapshot that includes every finished write. Runs it again if the connection is lost, so it
   * must only read.
   */
  read<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T>;
  /**
   * Runs `work` in a transaction, possibly shared with other writes. Only one transaction writes at a time, in
   * all processes. The write is durable when the call resolves: it survives kill -9 and power loss. It is undone
   * if `work` throws. `work` must wait for nothing but the database, and runs again if the connection is lost
   * before the commit. After `unavailable` the write may be in the database: a server that does not answer
   * cannot report its commit.
   */
  write<T>(work: (trx: Transaction<Schema>) => Promise<T>): Promise<T>;
  /**
   * Does the same, but may share the commit of a later write, within 20 ms. Resolves when later reads and writes of
   * this process see the write; `saved` resolves when it is durable. The caller handles the faults of both.
   */
  writeSoon(work: (trx: Transaction<Schema>) => Promise<void>): Promise<WrittenSoon>;
  /** Checks that the database can be opened, read and written, on a new connection. Throws the database's faults. */
  probe(signal: AbortSignal): Promise<void>;
  /** Returns the settings of the server that may lose acknowledged writes. Throws the database's faults. */
  weaknesses(): Promise<readonly DatabaseWeakness[]>;
  /** Hints that this node has a request. Absent if the engine has none. */
  readonly hints?: DatabaseHints;
  /** Resolves when this process was declared dead, or another one took its place. Every later write is refused. */
  readonly lost: Promise<Fault>;
  /** Waits for running writes, then closes the database. */
  close(): Promise<void>;
}
