import type { Selectable } from 'kysely';
import type { Approval, Approvals, NewApproval } from '../../model/api/people.js';
import type { Clock, Entropy } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { GatewayDatabase } from '../database.js';
import type { ApprovalTable } from '../schema/people.js';

const maxPending = 100;
/** Older ones are removed when another one is added. */
const maxKept = 1_000;
const maxListed = 200;

/** Stores the requests that wait for a second person. All methods throw the database's faults. */
export class DatabaseApprovals implements Approvals {
  readonly #db: GatewayDatabase;
  readonly #clock: Clock;
  readonly #entropy: Entropy;

  constructor(db: GatewayDatabase, clock: Clock, entropy: Entropy) {
    this.#db = db;
    this.#clock = clock;
    this.#entropy = entropy;
  }

  async list(): Promise<readonly Approval[]> {
    const rows = await this.#db.read((db) =>
      db
        .selectFrom('approval')
        .selectAll()
        .orderBy('created_ms', 'desc')
        .orderBy('id')
        .limit(maxListed)
        .execute(),
    );
    return rows.map((row) => this.#view(row));
  }

  async find(id: string): Promise<Approval | null> {
    const row = await this.#db.read((db) =>
      db.selectFrom('approval').selectAll().where('id', '=', id).executeTakeFirst(),
    );
    return row === undefined ? null : this.#view(row);
  }

  async add(approval: NewApproval): Promise<Approval> {
    const nowMs = this.#clock.nowMs();
    const request = JSON.stringify(approval.request);
    return await this.#db.write(async (trx) => {
      const pending = await trx
        .selectFrom('approval')
        .selectAll()
        .where('state', '=', 'pending')
        .where('expires_ms', '>', nowMs)
        .execute();
      const same = pending.find(
        (row) =>
          row.operation === approval.operation &&
          row.request === request &&
          row.identity === approval.identity,
      );
      if (same !== undefined) return this.#view(same);
      if (pending.length >= maxPending) {
        throw new Fault(
          'over-quota',
          `${pending.length} requests wait for a second person: decide them first`,
        );
      }
      const row: Selectable<ApprovalTable> = {
        id: this.#entropy.id(),
        operation: approval.operation,
        summary: approval.summary,
        needs: approval.needs,
        request,
        requester: JSON.stringify(approval.requester),
        requested_by: approval.requestedBy,
        identity: approval.identity,
        state: 'pending',
        created_ms: nowMs,
        expires_ms: approval.expiresMs,
        decided_by: null,
        decided_ms: null,
        fault: null,
      };
      await trx.insertInto('approval').values(row).execute();
      const old = await trx
        .selectFrom('approval')
        .select('id')
        .orderBy('created_ms', 'desc')
        .orderBy('id')
        .offset(maxKept)
        .limit(maxPending)
        .execute();
      for (const { id } of old) await trx.deleteFrom('approval').where('id', '=', id).execute();
      return this.#view(row);
    });
  }

  async decide(id: string, state: 'approved' | 'rejected', decidedBy: string): Promise<Approval | null> {
    const nowMs = this.#clock.nowMs();
    return await this.#db.write(async (trx) => {
      const row = await trx
        .updateTable('approval')
        .set({ state, decided_by: decidedBy, decided_ms: nowMs })
        .where('id', '=', id)
        .where('state', '=', 'pending')
        .where('expires_ms', '>', nowMs)
        .returningAll()
        .executeTakeFirst();
      return row === undefined ? null : this.#view(row);
    });
  }

  async failed(id: string, fault: string): Promise<void> {
    await this.#db.write((trx) =>
      trx.updateTable('approval').set({ state: 'failed', fault }).where('id', '=', id).execute(),
    );
  }

  #view(row: Selectable<ApprovalTable>): Approval {
    const isExpired = row.state === 'pending' && row.expires_ms <= this.#clock.nowMs();
    return {
      id: row.id,
      operation: row.operation,
      summary: row.summary,
      needs: row.needs,
      request: JSON.parse(row.request) as unknown,
      requester: JSON.parse(row.requester) as unknown,
      requestedBy: row.requested_by,
      identity: row.identity,
      state: isExpired ? 'expired' : row.state,
      createdMs: row.created_ms,
      expiresMs: row.expires_ms,
      decidedBy: row.decided_by,
      decidedMs: row.decided_ms,
      fault: row.fault,
    };
  }
}
