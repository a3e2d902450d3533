import type { Kysely, Selectable } from 'kysely';
import type { Clock, Entropy } from '../model/call.js';
import { type KeyFingerprint, parseKeyFingerprint } from '../model/customer-key.js';
import { Fault, type FaultKind } from '../model/fault.js';
import {
  type NewRotation,
  noCounts,
  type RotationCounts,
  type RotationId,
  type RotationJob,
  type RotationJobs,
  type RotationPace,
  type RotationProblem,
  type VersionPolicy,
} from '../model/rotation.js';
import type { GatewayDatabase } from './database.js';
import type { RotationJobTable } from './schema/rotations.js';
import type { Schema } from './schema.js';

/** Stores rotations in the gateway's database. Throws the database's faults. */
export function createRotationJobs(db: GatewayDatabase, clock: Clock, entropy: Entropy): RotationJobs {
  return new DatabaseRotationJobs(db, clock, entropy);
}

class DatabaseRotationJobs implements RotationJobs {
  readonly #db: GatewayDatabase;
  readonly #clock: Clock;
  readonly #entropy: Entropy;

  constructor(db: GatewayDatabase, clock: Clock, entropy: Entropy) {
    this.#db = db;
    this.#clock = clock;
    this.#entropy = entropy;
  }

  async begin(rotation: NewRotation): Promise<RotationJob> {
    const nowMs = this.#clock.nowMs();
    const id = this.#entropy.id() as RotationId;
    await this.#db.write(async (trx) => {
      const running = await runningJobs(trx).where('username', '=', rotation.username).executeTakeFirst();
      if (running !== undefined) {
        throw new Fault('conflict', `a key rotation of ${rotation.username} is already running`);
      }
      await trx
        .insertInto('rotation_job')
        .values({
          id,
          username: rotation.username,
          bucket: rotation.bucket,
          prefix: rotation.prefix,
          new_key: rotation.newKey,
          old_keys: rotation.oldKeys.join(' '),
          versions: rotation.versions,
          pace: JSON.stringify(rotation.pace),
          state: 'running',
          counts: JSON.stringify(noCounts),
          retired_keys: '',
          created_ms: nowMs,
          updated_ms: nowMs,
        })
        .execute();
    });
    const job = await this.find(id);
    if (job === null) throw new Fault('bug', `the rotation ${id} was written but cannot be read`);
    return job;
  }

  async find(id: RotationId): Promise<RotationJob | null> {
    const row = await this.#db.read((db) =>
      db.selectFrom('rotation_job').selectAll().where('id', '=', id).executeTakeFirst(),
    );
    return row === undefined ? null : toJob(row);
  }

  async running(): Promise<readonly RotationJob[]> {
    return (await this.#db.read((db) => runningJobs(db).orderBy('seq').execute())).map(toJob);
  }

  async list(): Promise<readonly RotationJob[]> {
    const rows = await this.#db.read((db) =>
      db.selectFrom('rotation_job').selectAll().orderBy('seq', 'desc').execute(),
    );
    return rows.map(toJob);
  }

  async advance(
    id: RotationId,
    cursor: string | null,
    counts: RotationCounts,
    problems: readonly RotationProblem[],
  ): Promise<void> {
    const updated = { cursor_key: cursor, counts: JSON.stringify(counts), updated_ms: this.#clock.nowMs() };
    await this.#db.write(async (trx) => {
      await trx.updateTable('rotation_job').set(updated).where('id', '=', id).execute();
      for (const { key, versionId, kind, text } of problems) {
        await trx
          .insertInto('rotation_problem')
          .values({ job_id: id, object_key: key, version_id: versionId ?? '', kind, text })
          .onConflict((conflict) =>
            conflict.columns(['job_id', 'object_key', 'version_id']).doUpdateSet({ kind, text }),
          )
          .execute();
      }
    });
  }

  async setPace(id: RotationId, pace: RotationPace): Promise<void> {
    await this.#set(id, { pace: JSON.stringify(pace) });
  }

  async setObstacle(id: RotationId, obstacle: string | null): Promise<void> {
    await this.#set(id, { obstacle });
  }

  async setPausedBy(id: RotationId, person: string | null): Promise<void> {
    await this.#set(id, { paused_by: person });
  }

  async finish(id: RotationId, counts: RotationCounts, retired: readonly KeyFingerprint[]): Promise<void> {
    const finished_ms = this.#clock.nowMs();
    await this.#set(id, {
      state: 'done',
      obstacle: null,
      counts: JSON.stringify(counts),
      retired_keys: retired.join(' '),
      finished_ms,
    });
  }

  async problems(id: RotationId): Promise<readonly RotationProblem[]> {
    const rows = await this.#db.read((db) =>
      db
        .selectFrom('rotation_problem')
        .selectAll()
        .where('job_id', '=', id)
        .orderBy('object_key')
        .orderBy('version_id')
        .execute(),
    );
    return rows.map((row) => ({
      key: row.object_key,
      versionId: row.version_id === '' ? null : row.version_id,
      kind: row.kind as FaultKind,
      text: row.text,
    }));
  }

  async #set(id: RotationId, change: Partial<Selectable<RotationJobTable>>): Promise<void> {
    const updated_ms = this.#clock.nowMs();
    await this.#db.write((trx) =>
      trx
        .updateTable('rotation_job')
        .set({ ...change, updated_ms })
        .where('id', '=', id)
        .execute(),
    );
  }
}

function runningJobs(db: Kysely<Schema>) {
  return db.selectFrom('rotation_job').selectAll().where('state', '=', 'running');
}

function toJob(row: Selectable<RotationJobTable>): RotationJob {
  return {
    id: row.id as RotationId,
    username: row.username,
    bucket: row.bucket,
    prefix: row.prefix,
    newKey: parseKeyFingerprint(row.new_key),
    oldKeys: fingerprints(row.old_keys),
    versions: row.versions as VersionPolicy,
    pace: JSON.parse(row.pace) as RotationPace,
    state: row.state,
    cursor: row.cursor_key,
    counts: { ...noCounts, ...(JSON.parse(row.counts) as Partial<RotationCounts>) },
    obstacle: row.obstacle,
    pausedBy: row.paused_by,
    retiredKeys: fingerprints(row.retired_keys),
    createdMs: row.created_ms,
    updatedMs: row.updated_ms,
    finishedMs: row.finished_ms,
  };
}

function fingerprints(text: string): readonly KeyFingerprint[] {
  return text === '' ? [] : text.split(' ').map(parseKeyFingerprint);
}
