import type { Ticket, TicketKind, Tickets } from '../../model/api/people.js';
import type { Clock, Entropy } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { GatewayDatabase } from '../database.js';
import { hashOfSecret, newSecret } from './secrets.js';

/** Time for the next step, in milliseconds. A link has 15 minutes, and so have the steps behind it. */
const validMs: Readonly<Record<TicketKind, number>> = {
  'second-factor': 5 * 60_000,
  passkey: 5 * 60_000,
  enrol: 15 * 60_000,
  'add-passkey': 5 * 60_000,
  'add-totp': 15 * 60_000,
};
/** Open tickets of one kind. Only those of the kind `passkey` are for everyone who can connect. */
const maxTickets = 10_000;
const maxFailures = 5;

/** Stores tickets in the gateway's database. All methods throw the database's faults. */
export class DatabaseTickets implements Tickets {
  readonly #db: GatewayDatabase;
  readonly #clock: Clock;
  readonly #entropy: Entropy;

  constructor(db: GatewayDatabase, clock: Clock, entropy: Entropy) {
    this.#db = db;
    this.#clock = clock;
    this.#entropy = entropy;
  }

  async create(kind: TicketKind, { adminId, data }: Ticket): Promise<string> {
    const text = newSecret(this.#entropy);
    const nowMs = this.#clock.nowMs();
    await this.#db.write(async (trx) => {
      await trx.deleteFrom('login_ticket').where('expires_ms', '<=', nowMs).execute();
      const { count } = await trx
        .selectFrom('login_ticket')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('kind', '=', kind)
        .executeTakeFirstOrThrow();
      if (Number(count) >= maxTickets) {
        throw new Fault('throttled', 'too many logins have begun: try again in some minutes');
      }
      await trx
        .insertInto('login_ticket')
        .values({
          ticket_hash: hashOfSecret(text),
          kind,
          admin_id: adminId,
          data: JSON.stringify(data),
          failures: 0,
          expires_ms: nowMs + validMs[kind],
        })
        .execute();
    });
    return text;
  }

  async find(kind: TicketKind, text: string): Promise<Ticket | null> {
    const row = await this.#db.read((db) =>
      db
        .selectFrom('login_ticket')
        .select(['admin_id', 'data'])
        .where('ticket_hash', '=', hashOfSecret(text))
        .where('kind', '=', kind)
        .where('expires_ms', '>', this.#clock.nowMs())
        .executeTakeFirst(),
    );
    if (row === undefined) return null;
    return { adminId: row.admin_id, data: JSON.parse(row.data) as Ticket['data'] };
  }

  async take(text: string): Promise<boolean> {
    const { numDeletedRows } = await this.#db.write((trx) =>
      trx.deleteFrom('login_ticket').where('ticket_hash', '=', hashOfSecret(text)).executeTakeFirstOrThrow(),
    );
    return numDeletedRows > 0n;
  }

  async failed(text: string): Promise<void> {
    const hash = hashOfSecret(text);
    await this.#db.write(async (trx) => {
      await trx
        .updateTable('login_ticket')
        .set(({ eb }) => ({ failures: eb('failures', '+', 1) }))
        .where('ticket_hash', '=', hash)
        .execute();
      await trx
        .deleteFrom('login_ticket')
        .where('ticket_hash', '=', hash)
        .where('failures', '>=', maxFailures)
        .execute();
    });
  }
}
