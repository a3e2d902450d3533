import { type Selectable, type SqlBool, sql } from 'kysely';
import type { Job, JobKind, JobState, Jobs } from '../model/api/jobs.js';
import type { Clock, Entropy } from '../model/call.js';
import { Fault, type FaultKind } from '../model/fault.js';
import { isOrphaned, ownerColumns } from './cluster/nodes.js';
import type { GatewayDatabase } from './database.js';
import type { JobTable } from './schema/jobs.js';

/** Jobs that are not finished. */
const maxOpen = 100;
/** Finished jobs that are kept; the oldest are removed first. */
const maxFinished = 1000;
const open: readonly JobState[] = ['waiting', 'running', 'paused'];

/** Stores jobs in the gateway's database. Throws the database's faults. */
export function createJobs(db: GatewayDatabase, clock: Clock, entropy: Entropy): Jobs {
  return new DatabaseJobs(db, clock, entropy);
}

class DatabaseJobs implements Jobs {
  readonly #db: GatewayDatabase;
  readonly #clock: Clock;
  readonly #entropy: Entropy;

  constructor(db: GatewayDatabase, clock: Clock, entropy: Entropy) {
    this.#db = db;
    this.#clock = clock;
    this.#entropy = entropy;
  }

  async begin(kind: JobKind, request: unknown, person: string): Promise<Job> {
    const nowMs = this.#clock.nowMs();
    const id = this.#entropy.id();
    return await this.#db.write(async (trx) => {
      const running = await trx.selectFrom('job').select('seq').where('state', 'in', open).execute();
      if (running.length >= maxOpen) {
        throw new Fault('over-quota', `${running.length} jobs are not finished: wait, or cancel some`);
      }
      const finished = await trx
        .selectFrom('job')
        .select('seq')
        .where('state', 'not in', open)
        .orderBy('seq', 'desc')
        .offset(maxFinished - 1)
        .limit(1)
        .executeTakeFirst();
      if (finished !== undefined) {
        await trx.deleteFrom('job').where('state', 'not in', open).where('seq', '<=', finished.seq).execute();
      }
      const row = await trx
        .insertInto('job')
        .values({
          id,
          kind,
          request: JSON.stringify(request),
          state: 'waiting',
          person,
          created_ms: nowMs,
          updated_ms: nowMs,
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      return toJob(row);
    });
  }

  async find(id: string): Promise<Job | null> {
    const row = await this.#db.read((db) =>
      db.selectFrom('job').selectAll().where('id', '=', id).executeTakeFirst(),
    );
    return row === undefined ? null : toJob(row);
  }

  async findOpen(kind: JobKind, request: unknown): Promise<Job | null> {
    const row = await this.#db.read((db) =>
      db
        .selectFrom('job')
        .selectAll()
        .where('kind', '=', kind)
        .where('request', '=', JSON.stringify(request))
        .where('state', 'in', open)
        .limit(1)
        .executeTakeFirst(),
    );
    return row === undefined ? null : toJob(row);
  }

  async list(after: string | null, limit: number): Promise<readonly Job[]> {
    const rows = await this.#db.read((db) => {
      let query = db.selectFrom('job').selectAll();
      if (after !== null) {
        query = query.where('seq', '<', db.selectFrom('job').select('seq').where('id', '=', after));
      }
      return query.orderBy('seq', 'desc').limit(limit).execute();
    });
    return rows.map(toJob);
  }

  async lastDone(kind: JobKind): Promise<Job | null> {
    const row = await this.#db.read((db) =>
      db
        .selectFrom('job')
        .selectAll()
        .where('kind', '=', kind)
        .where('state', '=', 'done')
        .orderBy('seq', 'desc')
        .limit(1)
        .executeTakeFirst(),
    );
    return row === undefined ? null : toJob(row);
  }

  async recover(): Promise<void> {
    // With one gateway, no other process runs jobs.
    const isAbandoned = this.#db.owner === null ? sql<SqlBool>`true` : isOrphaned('job');
    const any = await this.#db.read((db) =>
      db.selectFrom('job').select('seq').where('state', '=', 'running').where(isAbandoned).executeTakeFirst(),
    );
    if (any === undefined) return;
    await this.#db.write((trx) =>
      trx
        .updateTable('job')
        .set({ state: 'waiting' })
        .where('state', '=', 'running')
        .where(isAbandoned)
        .execute(),
    );
  }

  async claim(): Promise<Job | null> {
    const updated_ms = this.#clock.nowMs();
    return await this.#db.write(async (trx) => {
      const next = await trx
        .selectFrom('job')
        .select('seq')
        .where('state', '=', 'waiting')
        .orderBy('seq')
        .limit(1)
        .executeTakeFirst();
      if (next === undefined) return null;
      const row = await trx
        .updateTable('job')
        .set({ state: 'running', updated_ms, ...ownerColumns(this.#db.owner) })
        .where('seq', '=', next.seq)
        .returningAll()
        .executeTakeFirstOrThrow();
      return toJob(row);
    });
  }

  async advance(id: string, progress: Readonly<Record<string, number>>, position: unknown): Promise<void> {
    await this.#db.write((trx) =>
      trx
        .updateTable('job')
        .set({
          progress: JSON.stringify(progress),
          position: position === null ? null : JSON.stringify(position),
          updated_ms: this.#clock.nowMs(),
        })
        .where('id', '=', id)
        .execute(),
    );
  }

  async finish(id: string, outcome: Parameters<Jobs['finish']>[1]): Promise<void> {
    const finished_ms = this.#clock.nowMs();
    const end =
      'result' in outcome
        ? { state: 'done' as const, result: JSON.stringify(outcome.result ?? null) }
        : { state: 'failed' as const, fault_kind: outcome.fault.kind, fault_text: outcome.fault.text };
    await this.#db.write((trx) =>
      trx
        .updateTable('job')
        .set({ ...end, finished_ms, updated_ms: finished_ms })
        .where('id', '=', id)
        .where('state', '=', 'running')
        .execute(),
    );
  }

  async change(id: string, from: readonly JobState[], to: JobState): Promise<Job | null> {
    const nowMs = this.#clock.nowMs();
    const row = await this.#db.write((trx) =>
      trx
        .updateTable('job')
        .set({ state: to, updated_ms: nowMs, finished_ms: to === 'cancelled' ? nowMs : null })
        .where('id', '=', id)
        .where('state', 'in', from)
        .returningAll()
        .executeTakeFirst(),
    );
    return row === undefined ? null : toJob(row);
  }
}

function toJob(row: Selectable<JobTable>): Job {
  return {
    id: row.id,
    kind: row.kind as JobKind,
    request: JSON.parse(row.request) as unknown,
    state: row.state,
    progress: row.progress === null ? null : (JSON.parse(row.progress) as Record<string, number>),
    position: row.position === null ? null : (JSON.parse(row.position) as unknown),
    result: row.result === null ? null : (JSON.parse(row.result) as unknown),
    fault: row.fault_kind === null ? null : { kind: row.fault_kind as FaultKind, text: row.fault_text ?? '' },
    person: row.person,
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
    finishedMs: row.finished_ms,
  };
}
