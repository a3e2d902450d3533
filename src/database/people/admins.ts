import type { Selectable, Transaction } from 'kysely';
import type { Admin, AdminSecrets, Admins, NewAdmin, NewFactor } from '../../model/api/people.js';
import type { Clock, Entropy } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { GatewayDatabase } from '../database.js';
import type { AdminTable } from '../schema/people.js';
import type { Schema } from '../schema.js';
import { requireOtherFactor } from './factors.js';
import { passkeyRow } from './passkeys.js';
import { hashOfSecret } from './secrets.js';

const maxAdmins = 1000;

/** Stores people in the gateway's database. All methods throw the database's faults. */
export class DatabaseAdmins implements Admins {
  readonly #db: GatewayDatabase;
  readonly #clock: Clock;
  readonly #entropy: Entropy;

  constructor(db: GatewayDatabase, clock: Clock, entropy: Entropy) {
    this.#db = db;
    this.#clock = clock;
    this.#entropy = entropy;
  }

  async list(): Promise<readonly Admin[]> {
    return await this.#db.read(async (db) => {
      const rows = await db.selectFrom('admin').selectAll().orderBy('name').execute();
      const keys = await db.selectFrom('passkey').select('admin_id').execute();
      const links = await db
        .selectFrom('admin_link')
        .select(['admin_id', 'expires_ms'])
        .where('expires_ms', '>', this.#clock.nowMs())
        .execute();
      return rows.map((row) =>
        toAdmin(
          row,
          keys.filter(({ admin_id }) => admin_id === row.id).length,
          links.find(({ admin_id }) => admin_id === row.id)?.expires_ms ?? null,
        ),
      );
    });
  }

  async findByName(name: string): Promise<Admin | null> {
    return (await this.list()).find((admin) => admin.name === name) ?? null;
  }

  async findById(id: string): Promise<Admin | null> {
    return (await this.list()).find((admin) => admin.id === id) ?? null;
  }

  async findBySubject(subject: string): Promise<Admin | null> {
    const row = await this.#db.read((db) =>
      db.selectFrom('admin').select('id').where('subject', '=', subject).executeTakeFirst(),
    );
    return row === undefined ? null : await this.findById(row.id);
  }

  async add(admin: NewAdmin): Promise<Admin> {
    return await this.#db.write((trx) => this.#insert(trx, admin));
  }

  async addFirst(admin: NewAdmin): Promise<Admin> {
    return await this.#db.write(async (trx) => {
      const other = await trx
        .selectFrom('admin')
        .select('name')
        .where('kind', '=', 'local')
        .executeTakeFirst();
      if (other !== undefined) {
        throw new Fault('exists', `there is an administrator already: ${other.name}`);
      }
      return await this.#insert(trx, admin);
    });
  }

  async #insert(
    trx: Transaction<Schema>,
    { name, kind, role, createdBy, subject }: NewAdmin,
  ): Promise<Admin> {
    const names = await trx.selectFrom('admin').select('name').execute();
    if (names.some((other) => other.name === name)) {
      throw new Fault('exists', `there is a person named ${name}`);
    }
    if (names.length >= maxAdmins) throw new Fault('over-quota', `there are ${names.length} people`);
    const row: Selectable<AdminTable> = {
      id: this.#entropy.id(),
      name,
      kind,
      role,
      subject,
      passphrase_hash: null,
      totp_sealed: null,
      totp_created_ms: null,
      totp_used_step: null,
      created_ms: this.#clock.nowMs(),
      created_by: createdBy,
      last_login_ms: null,
    };
    await trx.insertInto('admin').values(row).execute();
    return toAdmin(row, 0, null);
  }

  async setRole(id: string, role: string): Promise<void> {
    await this.#db.write(async (trx) => {
      if (role !== 'admin') await requireOtherAdmin(trx, id);
      await trx.updateTable('admin').set({ role }).where('id', '=', id).execute();
    });
  }

  async remove(id: string): Promise<void> {
    await this.#db.write(async (trx) => {
      await requireOtherAdmin(trx, id);
      await removeCredentials(trx, id);
      await trx
        .updateTable('api_token')
        .set({ revoked_ms: this.#clock.nowMs() })
        .where('identity', '=', id)
        .where('revoked_ms', 'is', null)
        .execute();
      await trx.deleteFrom('admin').where('id', '=', id).execute();
    });
  }

  async reset(id: string): Promise<void> {
    await this.#db.write(async (trx) => {
      await removeCredentials(trx, id);
      await trx
        .updateTable('admin')
        .set({ passphrase_hash: null, ...noTotp })
        .where('id', '=', id)
        .execute();
    });
  }

  async secrets(id: string): Promise<AdminSecrets> {
    const row = await this.#db.read((db) =>
      db
        .selectFrom('admin')
        .select(['passphrase_hash', 'totp_sealed'])
        .where('id', '=', id)
        .executeTakeFirst(),
    );
    return { passphraseHash: row?.passphrase_hash ?? null, sealedTotp: row?.totp_sealed ?? null };
  }

  async setPassphrase(id: string, hash: string): Promise<void> {
    await this.#db.write((trx) =>
      trx.updateTable('admin').set({ passphrase_hash: hash }).where('id', '=', id).execute(),
    );
  }

  async setTotp(id: string, sealed: string, usedStep: number): Promise<void> {
    await this.#db.write((trx) => setTotp(trx, id, sealed, usedStep, this.#clock.nowMs()));
  }

  async removeTotp(id: string): Promise<void> {
    await this.#db.write(async (trx) => {
      await requireOtherFactor(trx, id, { kind: 'totp' });
      await trx.updateTable('admin').set(noTotp).where('id', '=', id).execute();
    });
  }

  async useTotpStep(id: string, step: number): Promise<boolean> {
    const { numUpdatedRows } = await this.#db.write((trx) =>
      trx
        .updateTable('admin')
        .set({ totp_used_step: step })
        .where('id', '=', id)
        .where(({ eb, or }) => or([eb('totp_used_step', 'is', null), eb('totp_used_step', '<', step)]))
        .executeTakeFirstOrThrow(),
    );
    return numUpdatedRows > 0n;
  }

  async loggedIn(id: string): Promise<void> {
    const last_login_ms = this.#clock.nowMs();
    await this.#db.write((trx) =>
      trx.updateTable('admin').set({ last_login_ms }).where('id', '=', id).execute(),
    );
  }

  async enrol(linkToken: string, id: string, passphraseHash: string, factor: NewFactor): Promise<boolean> {
    const nowMs = this.#clock.nowMs();
    return await this.#db.write(async (trx) => {
      const { numDeletedRows } = await trx
        .deleteFrom('admin_link')
        .where('token_hash', '=', hashOfSecret(linkToken))
        .where('admin_id', '=', id)
        .where('kind', '=', 'enrol')
        .where('expires_ms', '>', nowMs)
        .executeTakeFirstOrThrow();
      if (numDeletedRows === 0n) return false;
      await trx.updateTable('admin').set({ passphrase_hash: passphraseHash }).where('id', '=', id).execute();
      if (factor.kind === 'totp') await setTotp(trx, id, factor.sealed, factor.usedStep, nowMs);
      else {
        const row = passkeyRow(this.#entropy.id(), id, factor.passkey, nowMs);
        await trx.insertInto('passkey').values(row).execute();
      }
      return true;
    });
  }
}

const noTotp = { totp_sealed: null, totp_created_ms: null, totp_used_step: null };

async function setTotp(
  trx: Transaction<Schema>,
  id: string,
  sealed: string,
  usedStep: number,
  nowMs: number,
): Promise<void> {
  await trx
    .updateTable('admin')
    .set({ totp_sealed: sealed, totp_created_ms: nowMs, totp_used_step: usedStep })
    .where('id', '=', id)
    .execute();
}

async function removeCredentials(trx: Transaction<Schema>, id: string): Promise<void> {
  for (const table of ['passkey', 'admin_session', 'admin_link', 'login_ticket'] as const) {
    await trx.deleteFrom(table).where('admin_id', '=', id).execute();
  }
}

/** Throws `conflict` if no other local person has the role `admin`, while this one has it. */
async function requireOtherAdmin(trx: Transaction<Schema>, id: string): Promise<void> {
  const rows = await trx
    .selectFrom('admin')
    .select('id')
    .where('kind', '=', 'local')
    .where('role', '=', 'admin')
    .execute();
  if (rows.length === 1 && rows[0]?.id === id) {
    throw new Fault('conflict', 'this is the last local person with the role admin: add another one first');
  }
}

function toAdmin(row: Selectable<AdminTable>, passkeys: number, linkExpiresMs: number | null): Admin {
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    role: row.role,
    createdMs: row.created_ms,
    createdBy: row.created_by,
    lastLoginMs: row.last_login_ms,
    hasPassphrase: row.passphrase_hash !== null,
    totpCreatedMs: row.totp_created_ms,
    passkeys,
    linkExpiresMs,
  };
}
