import type { Selectable } from 'kysely';
import type { NewPasskey, Passkey, Passkeys } from '../../model/api/people.js';
import type { Clock, Entropy } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { GatewayDatabase } from '../database.js';
import type { PasskeyTable } from '../schema/people.js';
import { requireOtherFactor } from './factors.js';

const maxPasskeysPerPerson = 20;

/** Stores passkeys in the gateway's database. All methods throw the database's faults. */
export class DatabasePasskeys implements Passkeys {
  readonly #db: GatewayDatabase;
  readonly #clock: Clock;
  readonly #entropy: Entropy;

  constructor(db: GatewayDatabase, clock: Clock, entropy: Entropy) {
    this.#db = db;
    this.#clock = clock;
    this.#entropy = entropy;
  }

  async of(adminId: string): Promise<readonly Passkey[]> {
    const rows = await this.#db.read((db) =>
      db
        .selectFrom('passkey')
        .selectAll()
        .where('admin_id', '=', adminId)
        .orderBy('created_ms')
        .orderBy('id')
        .execute(),
    );
    return rows.map(toPasskey);
  }

  async findByCredential(credentialId: string): Promise<Passkey | null> {
    const row = await this.#db.read((db) =>
      db.selectFrom('passkey').selectAll().where('credential_id', '=', credentialId).executeTakeFirst(),
    );
    return row === undefined ? null : toPasskey(row);
  }

  async add(adminId: string, passkey: NewPasskey): Promise<Passkey> {
    const row = passkeyRow(this.#entropy.id(), adminId, passkey, this.#clock.nowMs());
    await this.#db.write(async (trx) => {
      const same = await trx
        .selectFrom('passkey')
        .select('id')
        .where('credential_id', '=', row.credential_id)
        .executeTakeFirst();
      if (same !== undefined) throw new Fault('exists', 'this passkey is stored already');
      const others = await trx.selectFrom('passkey').select('id').where('admin_id', '=', adminId).execute();
      if (others.length >= maxPasskeysPerPerson) {
        throw new Fault('over-quota', `a person has at most ${maxPasskeysPerPerson} passkeys`);
      }
      await trx.insertInto('passkey').values(row).execute();
    });
    return toPasskey(row);
  }

  async rename(adminId: string, id: string, label: string): Promise<Passkey | null> {
    return await this.#db.write(async (trx) => {
      const row = await trx
        .updateTable('passkey')
        .set({ label })
        .where('id', '=', id)
        .where('admin_id', '=', adminId)
        .returningAll()
        .executeTakeFirst();
      return row === undefined ? null : toPasskey(row);
    });
  }

  async remove(adminId: string, id: string): Promise<Passkey | null> {
    return await this.#db.write(async (trx) => {
      const row = await trx
        .selectFrom('passkey')
        .selectAll()
        .where('id', '=', id)
        .where('admin_id', '=', adminId)
        .executeTakeFirst();
      if (row === undefined) return null;
      await requireOtherFactor(trx, adminId, { kind: 'passkey', id });
      await trx.deleteFrom('passkey').where('id', '=', id).execute();
      return toPasskey(row);
    });
  }

  async used(id: string, counter: number): Promise<void> {
    const last_used_ms = this.#clock.nowMs();
    await this.#db.write((trx) =>
      trx.updateTable('passkey').set({ counter, last_used_ms }).where('id', '=', id).execute(),
    );
  }
}

/** Returns the row of a new passkey. */
export function passkeyRow(
  id: string,
  adminId: string,
  { label, credentialId, publicKey, counter, transports }: NewPasskey,
  nowMs: number,
): Selectable<PasskeyTable> {
  return {
    id,
    admin_id: adminId,
    label,
    credential_id: credentialId,
    public_key: publicKey,
    counter,
    transports: transports.join(' '),
    created_ms: nowMs,
    last_used_ms: null,
  };
}

function toPasskey(row: Selectable<PasskeyTable>): Passkey {
  return {
    id: row.id,
    adminId: row.admin_id,
    label: row.label,
    credentialId: row.credential_id,
    publicKey: row.public_key,
    counter: row.counter,
    transports: row.transports.split(' ').filter((transport) => transport !== ''),
    createdMs: row.created_ms,
    lastUsedMs: row.last_used_ms,
  };
}
