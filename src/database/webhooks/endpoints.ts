import type { Kysely, Selectable } from 'kysely';
import type { WebhookEndpoint, WebhookFilter, WebhookStatus } from '../../model/api/webhooks.js';
import { Fault } from '../../model/fault.js';
import { headOf } from '../audit/append.js';
import type { GatewayDatabase } from '../database.js';
import type { WebhookTable } from '../schema/webhooks.js';
import type { Schema } from '../schema.js';

/** Max endpoints of a gateway. Each one reads the audit trail for itself. */
export const maxWebhooks = 32;

/** An endpoint with its sealed secrets. */
export interface StoredWebhook extends WebhookEndpoint {
  readonly secretSealed: string;
  readonly previousSealed: string | null;
  /** The last event of the audit trail that was considered. */
  readonly cursorSeq: number;
}

/** A new endpoint, or the secret that replaces another. */
export interface NewStoredWebhook {
  readonly id: string;
  readonly label: string;
  readonly url: string;
  readonly filter: WebhookFilter;
  readonly createdBy: string;
  readonly createdMs: number;
  readonly secretSealed: string;
}

/** The endpoints in the gateway's database. Throws the database's faults. */
export class WebhookEndpoints {
  readonly #db: GatewayDatabase;

  constructor(db: GatewayDatabase) {
    this.#db = db;
  }

  /** Adds an endpoint that gets the events after the last one so far. Throws `exists` (label) and `over-quota`. */
  async add(webhook: NewStoredWebhook): Promise<StoredWebhook> {
    const { id, label, url, filter, createdBy, createdMs, secretSealed } = webhook;
    return await this.#db.write(async (trx) => {
      const present = await trx.selectFrom('webhook').select('label').execute();
      if (present.some((row) => row.label === label)) {
        throw new Fault('exists', `there is a webhook with the label ${JSON.stringify(label)} already`);
      }
      if (present.length >= maxWebhooks) {
        throw new Fault('over-quota', `there are ${present.length} webhooks: remove one that is not needed`);
      }
      const row: Selectable<WebhookTable> = {
        id,
        label,
        url,
        filter: JSON.stringify(filter),
        secret_sealed: secretSealed,
        secret_ms: createdMs,
        previous_sealed: null,
        overlap_until_ms: null,
        cursor_seq: (await headOf(trx)).seq,
        created_by: createdBy,
        created_ms: createdMs,
        last_delivered_ms: null,
      };
      await trx.insertInto('webhook').values(row).execute();
      return toStored(row);
    });
  }

  async list(): Promise<readonly StoredWebhook[]> {
    const rows = await this.#db.read((db) =>
      db.selectFrom('webhook').selectAll().orderBy('created_ms').orderBy('id').execute(),
    );
    return rows.map(toStored);
  }

  /** Returns null if there is no such endpoint. */
  async find(id: string): Promise<StoredWebhook | null> {
    return await this.#db.read((db) => findIn(db, id));
  }

  /** Removes an endpoint with its deliveries. Returns null if there is none. */
  async remove(id: string): Promise<StoredWebhook | null> {
    return await this.#db.write(async (trx) => {
      const found = await findIn(trx, id);
      await trx.deleteFrom('webhook_delivery').where('webhook_id', '=', id).execute();
      await trx.deleteFrom('webhook').where('id', '=', id).execute();
      return found;
    });
  }

  /** Replaces the secret and keeps the one before until a time. Returns null if there is no such endpoint. */
  async replaceSecret(
    id: string,
    secretSealed: string,
    nowMs: number,
    overlapUntilMs: number,
  ): Promise<StoredWebhook | null> {
    return await this.#db.write(async (trx) => {
      const found = await findIn(trx, id);
      if (found === null) return null;
      const hasOverlap = overlapUntilMs > nowMs;
      await trx
        .updateTable('webhook')
        .set({
          secret_sealed: secretSealed,
          secret_ms: nowMs,
          previous_sealed: hasOverlap ? found.secretSealed : null,
          overlap_until_ms: hasOverlap ? overlapUntilMs : null,
        })
        .where('id', '=', id)
        .execute();
      return await findIn(trx, id);
    });
  }

  /** Returns all endpoints with the state of their deliveries, the oldest first. */
  async statuses(): Promise<readonly WebhookStatus[]> {
    return await this.#db.read(async (db) => {
      const rows = await db.selectFrom('webhook').selectAll().orderBy('created_ms').orderBy('id').execute();
      const counts = await db
        .selectFrom('webhook_delivery')
        .select(['webhook_id', 'state', ({ fn }) => fn.countAll<number>().as('count')])
        .where('state', '!=', 'delivered')
        .groupBy(['webhook_id', 'state'])
        .execute();
      const { seq } = await headOf(db);
      const countOf = (id: string, state: string) =>
        Number(counts.find((row) => row.webhook_id === id && row.state === state)?.count ?? 0);
      return rows.map((row) => ({
        ...toEndpoint(row),
        pending: countOf(row.id, 'pending'),
        dead: countOf(row.id, 'dead'),
        behind: Math.max(0, seq - row.cursor_seq),
        lastDeliveredMs: row.last_delivered_ms,
      }));
    });
  }
}

async function findIn(db: Kysely<Schema>, id: string): Promise<StoredWebhook | null> {
  const row = await db.selectFrom('webhook').selectAll().where('id', '=', id).executeTakeFirst();
  return row === undefined ? null : toStored(row);
}

function toStored(row: Selectable<WebhookTable>): StoredWebhook {
  return {
    ...toEndpoint(row),
    secretSealed: row.secret_sealed,
    previousSealed: row.previous_sealed,
    cursorSeq: row.cursor_seq,
  };
}

function toEndpoint(row: Selectable<WebhookTable>): WebhookEndpoint {
  return {
    id: row.id,
    label: row.label,
    url: row.url,
    filter: JSON.parse(row.filter) as WebhookFilter,
    createdBy: row.created_by,
    createdMs: row.created_ms,
    secretFromMs: row.secret_ms,
    overlapUntilMs: row.overlap_until_ms,
  };
}
