import { type Selectable, sql } from 'kysely';
import type {
  DeliveryState,
  DueDelivery,
  WebhookDelivery,
  WebhookMessage,
  WebhookType,
} from '../../model/api/webhooks.js';
import type { AuditRow } from '../../model/audit.js';
import { headOf } from '../audit/append.js';
import { toAuditRow } from '../audit/reader.js';
import type { GatewayDatabase } from '../database.js';
import { engineOf } from '../engine.js';
import { beginning } from '../indexed-text.js';
import type { WebhookDeliveryTable } from '../schema/webhooks.js';

/** Max rows of the audit trail that one transaction passes, and max messages that it queues. */
const maxPassedRows = 5_000;
const maxQueuedRows = 200;
/** Max deliveries that one call queues again. */
export const maxResent = 1_000;
/** Max finished deliveries of an endpoint that are kept, and rows that one transaction removes. */
const maxFinished = 10_000;
const rowsPerStep = 1_000;

/** How an endpoint's messages come from the audit trail. */
export interface QueuePlan {
  readonly endpoint: string;
  /** Actions that may become messages. */
  readonly actions: readonly string[];
  /** Returns the message of an event; null if the endpoint does not get it. */
  readonly messageOf: (row: AuditRow) => WebhookMessage | null;
  /** Max deliveries that are pending. */
  readonly maxPending: number;
  readonly nowMs: number;
}

/** Whether the trail has more events for an endpoint: `full` waits until some messages are delivered. */
export type QueueState = 'complete' | 'more' | 'full' | 'removed';

/** The messages of all endpoints, in the gateway's database. Throws the database's faults. */
export class WebhookDeliveries {
  readonly #db: GatewayDatabase;

  constructor(db: GatewayDatabase) {
    this.#db = db;
  }

  /**
   * Queues messages of the next events of the trail and moves the endpoint's cursor behind them, in one
   * transaction: a crash neither loses nor repeats an event.
   */
  async queue({ endpoint, actions, messageOf, maxPending, nowMs }: QueuePlan): Promise<QueueState> {
    return await this.#db.write(async (trx) => {
      const webhook = await trx
        .selectFrom('webhook')
        .select('cursor_seq')
        .where('id', '=', endpoint)
        .executeTakeFirst();
      if (webhook === undefined) return 'removed';
      const from = webhook.cursor_seq;
      const head = (await headOf(trx)).seq;
      if (from >= head) return 'complete';
      const pending = await trx
        .selectFrom('webhook_delivery')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('webhook_id', '=', endpoint)
        .where('state', '=', 'pending')
        .executeTakeFirstOrThrow();
      const limit = Math.min(maxQueuedRows, maxPending - Number(pending.count));
      if (limit <= 0) return 'full';
      const end = Math.min(head, from + maxPassedRows);
      const rows = await trx
        .selectFrom('audit_event')
        .selectAll()
        .where('seq', '>', from)
        .where('seq', '<=', end)
        .where('action', 'in', actions)
        .orderBy('seq')
        .limit(limit)
        .execute();
      for (const row of rows) {
        const message = messageOf(toAuditRow(row));
        if (message === null) continue;
        await trx
          .insertInto('webhook_delivery')
          .values(newRow(endpoint, row.seq, message, nowMs))
          .execute();
      }
      const cursor = rows.length < limit ? end : (rows.at(-1)?.seq ?? end);
      await trx.updateTable('webhook').set({ cursor_seq: cursor }).where('id', '=', endpoint).execute();
      return cursor < head ? 'more' : 'complete';
    });
  }

  /**
   * Returns up to `limit` pending deliveries whose time has come, without those in `busy`, in the order of the
   * trail. A delivery waits for every earlier one about the same subject.
   */
  async due(
    endpoint: string,
    nowMs: number,
    limit: number,
    busy: ReadonlySet<number>,
  ): Promise<readonly DueDelivery[]> {
    const rows = await this.#db.read((db) =>
      db
        .selectFrom('webhook_delivery as one')
        .selectAll('one')
        .where('one.webhook_id', '=', endpoint)
        .where('one.state', '=', 'pending')
        .where('one.next_ms', '<=', nowMs)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('webhook_delivery as earlier')
                .select('earlier.id')
                .whereRef('earlier.webhook_id', '=', 'one.webhook_id')
                .where('earlier.state', '=', 'pending')
                .whereRef('earlier.subject', '=', 'one.subject')
                .$if(engineOf(db) === 'postgres', (same) =>
                  same.where(beginning(sql.ref('earlier.subject')), '=', beginning(sql.ref('one.subject'))),
                )
                .whereRef('earlier.audit_seq', '<', 'one.audit_seq'),
            ),
          ),
        )
        .orderBy('one.audit_seq')
        .limit(limit + busy.size)
        .execute(),
    );
    return rows
      .filter(({ id }) => !busy.has(id))
      .slice(0, limit)
      .map((row) => ({ ...toDelivery(row), body: row.body }));
  }

  /** Records that the endpoint has accepted a message. */
  async delivered({ id, endpoint, attempts }: WebhookDelivery, status: number, nowMs: number): Promise<void> {
    await this.#db.write(async (trx) => {
      await trx
        .updateTable('webhook_delivery')
        .set({ state: 'delivered', attempts: attempts + 1, updated_ms: nowMs, status, error: null })
        .where('id', '=', id)
        .execute();
      await trx.updateTable('webhook').set({ last_delivered_ms: nowMs }).where('id', '=', endpoint).execute();
    });
  }

  /** Records a failed attempt. Without `nextMs` the message is given up. */
  async failed(
    { id, attempts, firstTriedMs }: WebhookDelivery,
    result: { readonly status: number | null; readonly error: string },
    times: { readonly startedMs: number; readonly nowMs: number; readonly nextMs: number | null },
  ): Promise<void> {
    const { startedMs, nowMs, nextMs } = times;
    await this.#db.write((trx) =>
      trx
        .updateTable('webhook_delivery')
        .set({
          state: nextMs === null ? 'dead' : 'pending',
          attempts: attempts + 1,
          first_tried_ms: firstTriedMs ?? startedMs,
          next_ms: nextMs ?? nowMs,
          updated_ms: nowMs,
          status: result.status,
          error: result.error,
        })
        .where('id', '=', id)
        .execute(),
    );
  }

  /** Returns deliveries of an endpoint, the newest first. */
  async list(
    endpoint: string,
    {
      state,
      limit,
      before,
    }: { readonly state?: DeliveryState; readonly limit: number; readonly before?: number },
  ): Promise<readonly WebhookDelivery[]> {
    const rows = await this.#db.read((db) => {
      let found = db.selectFrom('webhook_delivery').selectAll().where('webhook_id', '=', endpoint);
      if (state !== undefined) found = found.where('state', '=', state);
      if (before !== undefined) found = found.where('id', '<', before);
      return found.orderBy('id', 'desc').limit(limit).execute();
    });
    return rows.map(toDelivery);
  }

  /** Queues a delivery again, or the oldest dead ones. Returns their number. */
  async resend(endpoint: string, delivery: number | null, nowMs: number): Promise<number> {
    return await this.#db.write(async (trx) => {
      let chosen = trx.selectFrom('webhook_delivery').select('id').where('webhook_id', '=', endpoint);
      chosen =
        delivery === null
          ? chosen.where('state', '=', 'dead').orderBy('audit_seq').limit(maxResent)
          : chosen.where('id', '=', delivery).where('state', '!=', 'pending');
      const ids = (await chosen.execute()).map(({ id }) => id);
      if (ids.length === 0) return 0;
      await trx
        .updateTable('webhook_delivery')
        .set({ state: 'pending', attempts: 0, first_tried_ms: null, next_ms: nowMs, updated_ms: nowMs })
        .where('id', 'in', ids)
        .execute();
      return ids.length;
    });
  }

  /**
   * Removes finished deliveries of an endpoint that are older than `beforeMs`, and the oldest above 10,000.
   * Returns the number of dead ones among them.
   */
  async prune(endpoint: string, beforeMs: number): Promise<number> {
    let dead = 0;
    for (;;) {
      const [removed, removedDead] = await this.#db.write(async (trx) => {
        const finished = trx
          .selectFrom('webhook_delivery')
          .select(['id', 'state'])
          .where('webhook_id', '=', endpoint)
          .where('state', '!=', 'pending');
        const first = await finished.orderBy('id', 'desc').offset(maxFinished).limit(1).executeTakeFirst();
        const rows = await finished
          .where(({ or, eb }) => or([eb('updated_ms', '<', beforeMs), eb('id', '<=', first?.id ?? 0)]))
          .limit(rowsPerStep)
          .execute();
        if (rows.length === 0) return [0, 0] as const;
        const ids = rows.map(({ id }) => id);
        await trx.deleteFrom('webhook_delivery').where('id', 'in', ids).execute();
        return [rows.length, rows.filter(({ state }) => state === 'dead').length] as const;
      });
      dead += removedDead;
      if (removed < rowsPerStep) return dead;
    }
  }
}

function newRow(endpoint: string, seq: number, message: WebhookMessage, nowMs: number) {
  const { messageId, type, subject, body } = message;
  return {
    webhook_id: endpoint,
    audit_seq: seq,
    message_id: messageId,
    type,
    subject,
    state: 'pending' as const,
    attempts: 0,
    created_ms: nowMs,
    next_ms: nowMs,
    updated_ms: nowMs,
    body,
  };
}

function toDelivery(row: Selectable<WebhookDeliveryTable>): WebhookDelivery {
  return {
    id: row.id,
    endpoint: row.webhook_id,
    auditSeq: row.audit_seq,
    messageId: row.message_id,
    type: row.type as WebhookType,
    subject: row.subject,
    state: row.state,
    attempts: row.attempts,
    createdMs: row.created_ms,
    firstTriedMs: row.first_tried_ms,
    nextMs: row.next_ms,
    updatedMs: row.updated_ms,
    status: row.status,
    error: row.error,
  };
}
