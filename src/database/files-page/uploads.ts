import type { Selectable } from 'kysely';
import type { Clock, Entropy } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { NewPageUpload, PageUpload, PageUploads } from '../../model/files-page.js';
import type { GatewayDatabase } from '../database.js';
import type { PageUploadTable } from '../schema/files-page.js';

const idBytes = 16;
/** Uploads of one user that are not done. */
const maxUnfinished = 200;
/** Time that a finished upload is remembered, so that a client that lost the last answer learns the result. */
const doneMs = 60 * 60 * 1000;

/**
 * Stores the uploads of the files page in the gateway's database. It forgets uploads that were not used for
 * `keepMs`. Throws the database's faults.
 */
export function createPageUploads(
  db: GatewayDatabase,
  keepMs: number,
  { clock, entropy }: { readonly clock: Clock; readonly entropy: Entropy },
): PageUploads {
  return new DatabasePageUploads(db, keepMs, clock, entropy);
}

class DatabasePageUploads implements PageUploads {
  readonly #db: GatewayDatabase;
  readonly #keepMs: number;
  readonly #clock: Clock;
  readonly #entropy: Entropy;

  constructor(db: GatewayDatabase, keepMs: number, clock: Clock, entropy: Entropy) {
    this.#db = db;
    this.#keepMs = keepMs;
    this.#clock = clock;
    this.#entropy = entropy;
  }

  async create(upload: NewPageUpload): Promise<PageUpload> {
    const nowMs = this.#clock.nowMs();
    const row: Selectable<PageUploadTable> = {
      id: Buffer.from(this.#entropy.bytes(idBytes)).toString('base64url'),
      username: upload.username,
      path: upload.path,
      length: upload.length,
      mtime_seconds: upload.mtimeSeconds,
      replaces: upload.replaces ? 1 : 0,
      is_opened: 0,
      is_done: 0,
      used_ms: nowMs,
    };
    await this.#db.write(async (trx) => {
      await trx
        .deleteFrom('page_upload')
        .where(({ eb, and, or }) =>
          or([
            eb('used_ms', '<=', nowMs - this.#keepMs),
            and([eb('is_done', '=', 1), eb('used_ms', '<=', nowMs - doneMs)]),
          ]),
        )
        .execute();
      const { count } = await trx
        .selectFrom('page_upload')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('username', '=', upload.username)
        .where('is_done', '=', 0)
        .executeTakeFirstOrThrow();
      if (Number(count) >= maxUnfinished) {
        throw new Fault('over-quota', `${count} uploads are not complete: resume or cancel some of them`);
      }
      await trx.insertInto('page_upload').values(row).execute();
    });
    return toUpload(row);
  }

  async find(username: string, id: string): Promise<PageUpload | null> {
    const row = await this.#db.read((db) =>
      db
        .selectFrom('page_upload')
        .selectAll()
        .where('id', '=', id)
        .where('username', '=', username)
        .executeTakeFirst(),
    );
    return row === undefined || this.#isOld(row) ? null : toUpload(row);
  }

  async unfinished(username: string): Promise<readonly PageUpload[]> {
    const rows = await this.#db.read((db) =>
      db
        .selectFrom('page_upload')
        .selectAll()
        .where('username', '=', username)
        .where('is_done', '=', 0)
        .orderBy('used_ms', 'desc')
        .orderBy('id')
        .limit(maxUnfinished)
        .execute(),
    );
    return rows.filter((row) => !this.#isOld(row)).map(toUpload);
  }

  async record(id: string, { isOpened, isDone }: Pick<PageUpload, 'isOpened' | 'isDone'>): Promise<void> {
    const used_ms = this.#clock.nowMs();
    await this.#db.write((trx) =>
      trx
        .updateTable('page_upload')
        .set({ used_ms, is_opened: isOpened ? 1 : 0, is_done: isDone ? 1 : 0 })
        .where('id', '=', id)
        .execute(),
    );
  }

  async remove(id: string): Promise<void> {
    await this.#db.write((trx) => trx.deleteFrom('page_upload').where('id', '=', id).execute());
  }

  #isOld({ used_ms }: Pick<PageUploadTable, 'used_ms'>): boolean {
    return used_ms <= this.#clock.nowMs() - this.#keepMs;
  }
}

function toUpload(row: Selectable<PageUploadTable>): PageUpload {
  return {
    id: row.id,
    username: row.username,
    path: row.path,
    length: row.length,
    mtimeSeconds: row.mtime_seconds,
    replaces: row.replaces === 1,
    isOpened: row.is_opened === 1,
    isDone: row.is_done === 1,
    usedMs: row.used_ms,
  };
}
