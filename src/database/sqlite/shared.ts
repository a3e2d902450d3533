import type { Kysely, Transaction } from 'kysely';
import type { Fault } from '../../model/fault.js';
import { type Measures, noMeasures } from '../../model/measures.js';
import { heartbeatMs } from '../cluster/clock.js';
import {
  leaseHeld,
  leave,
  showAlive,
  takeLease,
  takenOver,
  type WriterIdentity,
} from '../cluster/writers.js';
import type { DatabaseWeakness, GatewayDatabase, RowOwner, WrittenSoon } from '../database.js';
import { GroupCommit, systemTiming } from '../group-commit.js';
import type { Schema } from '../schema.js';
import { sqliteFault } from './errors.js';
import { LogFile } from './log-file.js';
import { busyTimeoutMs, openFile } from './open.js';
import { probeDatabase } from './probe.js';

/** Bounds of the pause before another attempt to take the lock of the file, in milliseconds. */
const minPauseMs = 0.5;
const maxPauseMs = 3;

/**
 * Opens a SQLite file that several processes of one gateway write to, and registers this one. Only they may have the
 * file, so the caller has checked that the lock of the root is theirs. Throws as `openDatabase`, and `conflict` if
 * another machine uses the file with the same id.
 */
export async function openSharedDatabase(
  path: string,
  identity: WriterIdentity,
  measures: Pick<Measures, 'databaseCommit'> = noMeasures,
): Promise<GatewayDatabase> {
  // Waiting for the lock inside SQLite would stop all transfers of this process.
  const db = await openFile(path, 0);
  try {
    const found = await whenUnlocked(() => db.transaction().execute((trx) => takeLease(trx, identity)));
    if (typeof found !== 'number') throw leaseHeld(`file ${path}`, found, identity);
    return new SharedDatabase({ db, path, identity, epoch: found, measures });
  } catch (error) {
    await db.destroy();
    throw sqliteFault(error, path);
  }
}

interface Opened {
  readonly db: Kysely<Schema>;
  readonly path: string;
  readonly identity: WriterIdentity;
  readonly epoch: number;
  readonly measures: Pick<Measures, 'databaseCommit'>;
}

class SharedDatabase implements GatewayDatabase {
  readonly engine = 'sqlite';
  readonly owner: RowOwner;
  readonly lost: Promise<Fault>;
  readonly #opened: Opened;
  readonly #commits: GroupCommit<Schema>;
  readonly #lose: (fault: Fault) => void;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #log: LogFile;

  constructor(opened: Opened) {
    const { path, identity, epoch, measures } = opened;
    this.#opened = opened;
    this.#log = new LogFile(path);
    this.owner = { node: identity.id, epoch };
    const { promise, resolve } = Promise.withResolvers<Fault>();
    this.lost = promise;
    this.#lose = resolve;
    this.#commits = new GroupCommit(
      (work) => this.#transact(work),
      systemTiming,
      (ms) => measures.databaseCommit(ms / 1000),
    );
    this.#heartbeat = setInterval(() => void this.#beat(), heartbeatMs).unref();
  }

  async #transact<T>(work: (trx: Transaction<Schema>) => Promise<T>): Promise<T> {
    this.#log.requireIntact();
    const { db } = this.#opened;
    const done = await whenUnlocked(() => db.transaction().execute((trx) => this.#own(trx, work)));
    // Also makes the commits of other processes durable that this one has read.
    await this.#log.sync();
    return done;
  }

  async read<T>(work: (db: Kysely<Schema>) => Promise<T>): Promise<T> {
    try {
      return await whenUnlocked(() => work(this.#opened.db));
    } catch (error) {
      throw sqliteFault(error, this.#opened.path);
    }
  }

  async write<T>(work: (trx: Transaction<Schema>) => Promise<T>): Promise<T> {
    try {
      return await this.#commits.write(work);
    } catch (error) {
      throw sqliteFault(error, this.#opened.path);
    }
  }

  /** Waits for the commit, so that the other processes see it. */
  async writeSoon(work: (trx: Transaction<Schema>) => Promise<void>): Promise<WrittenSoon> {
    await this.write(work);
    return { saved: Promise.resolve() };
  }

  async probe(signal: AbortSignal): Promise<void> {
    await probeDatabase(this.#opened.path, signal);
  }

  async weaknesses(): Promise<readonly DatabaseWeakness[]> {
    return [];
  }

  async close(): Promise<void> {
    const { db, identity, epoch } = this.#opened;
    clearInterval(this.#heartbeat);
    await this.#commits.idle();
    await whenUnlocked(() => db.transaction().execute((trx) => leave(trx, identity, epoch))).catch(
      () => undefined,
    );
    this.#log.close();
    await db.destroy();
  }

  /** Runs work of a transaction if this process was not declared dead. Throws `conflict` otherwise. */
  async #own<T>(trx: Transaction<Schema>, work: (trx: Transaction<Schema>) => Promise<T>): Promise<T> {
    const { node, epoch } = this.owner;
    const row = await trx
      .selectFrom('database_writer')
      .select('id')
      .where('id', '=', node)
      .where('epoch', '=', epoch)
      .executeTakeFirst();
    if (row !== undefined) return await work(trx);
    const fault = takenOver(`file ${this.#opened.path}`, this.#opened.identity);
    this.#lose(fault);
    throw fault;
  }

  /** Never rejects: writes report what is wrong with the file. */
  async #beat(): Promise<void> {
    const { identity, epoch } = this.#opened;
    await this.write((trx) => showAlive(trx, identity, epoch)).catch(() => undefined);
  }
}

/**
 * Runs work again while another process has the lock of the file, for up to five seconds. A transaction is undone before
 * each attempt. Lets other work of this process run meanwhile.
 */
async function whenUnlocked<T>(work: () => Promise<T>): Promise<T> {
  const untilMs = performance.now() + busyTimeoutMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isLocked(error) || performance.now() >= untilMs) throw error;
    }
    // Different pauses, so that two processes do not meet again.
    const pauseMs = minPauseMs + Math.random() * (maxPauseMs - minPauseMs);
    await new Promise((resume) => setTimeout(resume, pauseMs));
  }
}

function isLocked(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY');
}
