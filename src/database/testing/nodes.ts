import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openTestDatabase } from '../../../test/support/test-database.js';
import { databaseNow } from '../cluster/clock.js';
import type { GatewayDatabase, RowOwner } from '../database.js';

/** Returns the database as another process of a cluster has it. It does not end the writes of a dead owner. */
export function ownedBy(db: GatewayDatabase, owner: RowOwner): GatewayDatabase {
  return {
    engine: db.engine,
    owner,
    lost: db.lost,
    read: (work) => db.read(work),
    write: (work) => db.write(work),
    writeSoon: (work) => db.writeSoon(work),
    probe: (signal) => db.probe(signal),
    weaknesses: () => db.weaknesses(),
    close: async () => undefined,
  };
}

/** Registers a node that has shown itself for a minute, as after its start. Returns its process. */
export async function startNode(db: GatewayDatabase, node: string, epoch: number): Promise<RowOwner> {
  await db.write(async (trx) => {
    const now = databaseNow(trx);
    const row = { epoch, state: 'live', is_clustered: 1, seen_ms: now, steady_ms: 0 } as const;
    await trx
      .insertInto('database_writer')
      .values({ id: node, kind: 'gateway', host: node, started_ms: now, ...row })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
      .execute();
  });
  return { node, epoch };
}

/** A database of its own with two nodes. */
export interface TwoNodes extends AsyncDisposable {
  readonly db: GatewayDatabase;
  readonly a: RowOwner;
  readonly b: RowOwner;
}

/** Opens a database in a new directory, which is removed at the end, and registers two nodes. */
export async function openTwoNodes(): Promise<TwoNodes> {
  const directory = mkdtempSync(join(tmpdir(), 'sftpgw-nodes-'));
  const db = await openTestDatabase(join(directory, 'db'));
  const [a, b] = [await startNode(db, 'a', 1), await startNode(db, 'b', 1)];
  return {
    ...{ db, a, b },
    async [Symbol.asyncDispose]() {
      await db.close();
      rmSync(directory, { recursive: true });
    },
  };
}

/** Lets a process look as if it had not shown itself for a minute. */
export async function silence(db: GatewayDatabase, { node }: RowOwner): Promise<void> {
  await db.write((trx) =>
    trx
      .updateTable('database_writer')
      .set((eb) => ({ seen_ms: eb('seen_ms', '-', 60_000) }))
      .where('id', '=', node)
      .execute(),
  );
}
