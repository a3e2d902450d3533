import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { ApiToken, ApiTokens, NewApiToken } from '../model/api/tokens.js';
import type { Clock, Entropy } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { GatewayDatabase } from './database.js';
import type { ApiTokenTable } from './schema/people.js';

/** Scanners for leaked secrets find this beginning. */
const tokenStart = 'sftpgw_';
const tokenBytes = 32;
/** Tokens that are valid; the others are removed when this number is reached. */
const maxTokens = 1000;
const useIntervalMs = 60_000;

/** Stores tokens in the gateway's database. Throws the database's faults. */
export function createApiTokens(db: GatewayDatabase, clock: Clock, entropy: Entropy): ApiTokens {
  return new DatabaseApiTokens(db, clock, entropy);
}

class DatabaseApiTokens implements ApiTokens {
  readonly #db: GatewayDatabase;
  readonly #clock: Clock;
  readonly #entropy: Entropy;

  constructor(db: GatewayDatabase, clock: Clock, entropy: Entropy) {
    this.#db = db;
    this.#clock = clock;
    this.#entropy = entropy;
  }

  async create(token: NewApiToken): Promise<{ readonly token: ApiToken; readonly secret: string }> {
    const secret = tokenStart + Buffer.from(this.#entropy.bytes(tokenBytes)).toString('base64url');
    const nowMs = this.#clock.nowMs();
    const row: Selectable<ApiTokenTable> = {
      id: this.#entropy.id(),
      label: token.label,
      role: token.role,
      scope: token.scope?.join(' ') ?? null,
      token_hash: hashOf(secret),
      created_by: token.createdBy,
      identity: token.identity,
      created_ms: nowMs,
      expires_ms: token.expiresMs,
      revoked_ms: null,
      last_used_ms: null,
    };
    await this.#db.write(async (trx) => {
      const { count } = await trx
        .selectFrom('api_token')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      if (count >= maxTokens) {
        await trx
          .deleteFrom('api_token')
          .where(({ eb, or }) => or([eb('expires_ms', '<=', nowMs), eb('revoked_ms', 'is not', null)]))
          .execute();
        const left = await trx.selectFrom('api_token').select('id').execute();
        if (left.length >= maxTokens) {
          throw new Fault('over-quota', `there are ${left.length} tokens: revoke those that are not needed`);
        }
      }
      await trx.insertInto('api_token').values(row).execute();
    });
    return { token: toToken(row), secret };
  }

  async check(secret: string): Promise<ApiToken | null> {
    if (!secret.startsWith(tokenStart)) return null;
    const row = await this.#db.read((db) =>
      db.selectFrom('api_token').selectAll().where('token_hash', '=', hashOf(secret)).executeTakeFirst(),
    );
    const nowMs = this.#clock.nowMs();
    if (row === undefined || row.revoked_ms !== null || row.expires_ms <= nowMs) return null;
    if (row.last_used_ms === null || nowMs - row.last_used_ms >= useIntervalMs) {
      await this.#db.write((trx) =>
        trx.updateTable('api_token').set({ last_used_ms: nowMs }).where('id', '=', row.id).execute(),
      );
    }
    return toToken(row);
  }

  async list(): Promise<readonly ApiToken[]> {
    const rows = await this.#db.read((db) =>
      db.selectFrom('api_token').selectAll().orderBy('created_ms', 'desc').orderBy('id').execute(),
    );
    return rows.map(toToken);
  }

  async revoke(id: string): Promise<ApiToken | null> {
    const nowMs = this.#clock.nowMs();
    return await this.#db.write(async (trx) => {
      await trx
        .updateTable('api_token')
        .set({ revoked_ms: nowMs })
        .where('id', '=', id)
        .where('revoked_ms', 'is', null)
        .execute();
      const row = await trx.selectFrom('api_token').selectAll().where('id', '=', id).executeTakeFirst();
      return row === undefined ? null : toToken(row);
    });
  }
}

/** A token has 256 random bits, so a fast digest is enough. */
function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

function toToken(row: Selectable<ApiTokenTable>): ApiToken {
  return {
    id: row.id,
    label: row.label,
    role: row.role,
    scope: row.scope === null ? null : row.scope.split(' ').filter((group) => group !== ''),
    createdBy: row.created_by,
    identity: row.identity,
    createdMs: row.created_ms,
    expiresMs: row.expires_ms,
    revokedMs: row.revoked_ms,
    lastUsedMs: row.last_used_ms,
  };
}
