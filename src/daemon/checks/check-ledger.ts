import type { RootKeyring } from '../../assembly/keyring.js';
import type { GatewayDatabase } from '../../database/database.js';
import type { Call, Clock } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import type { ObjectStore } from '../../model/object-store.js';
import type { UserRegistry } from '../../model/users.js';

/** The services of `checkLedger`. */
export interface LedgerCheck {
  readonly database: Pick<GatewayDatabase, 'read'>;
  readonly store: Pick<ObjectStore, 'list'>;
  readonly registry: Pick<UserRegistry, 'locations'>;
  readonly keyring: Pick<RootKeyring, 'list'>;
  readonly clock: Clock;
  /** Receives lines for people. */
  readonly output: (line: string) => void;
}

/** The max. wait of the SFTP server for this check. After it the check continues in the background. */
const startWaitMs = 10_000;
/** A lost database is seen at the first user with files. */
const maxUsers = 50;

/**
 * Warns about an empty ledger beside uploads, or beside keys if S3 does not answer: the database was lost or
 * replaced. Resolves when it is done, or after ten seconds. Never rejects.
 */
export async function checkLedger(call: Call, check: LedgerCheck): Promise<void> {
  const enough = new AbortController();
  const wait = check.clock.sleep(startWaitMs, enough.signal).catch(() => undefined);
  await Promise.race([runCheck(call, check), wait]);
  enough.abort();
}

async function runCheck(call: Call, check: LedgerCheck): Promise<void> {
  try {
    if (!(await isEmpty(check.database))) return;
    const found = await whatIsThere(call, check);
    if (found === null) return;
    check.output(
      `warning: the ledger is empty, but ${found}; if the database was lost, run: sftpgw ledger rebuild`,
    );
    call.log.error('ledger is empty', { found, whatToDo: 'sftpgw ledger rebuild' });
  } catch (error) {
    if (isFault(error, 'cancelled') || call.signal.aborted) return;
    call.log.error('the ledger could not be checked', { error: Fault.from(error) });
  }
}

async function isEmpty(database: Pick<GatewayDatabase, 'read'>): Promise<boolean> {
  const rows = await database.read((db) => db.selectFrom('sealed_object').select('id').limit(1).execute());
  return rows.length === 0;
}

/** Returns the first upload or the keys in words, or null if this root is new. */
async function whatIsThere(call: Call, { store, registry, keyring }: LedgerCheck): Promise<string | null> {
  try {
    for (const { uploadBucket: bucket, uploadPrefix: prefix } of (await registry.locations()).slice(
      0,
      maxUsers,
    )) {
      const { objects, prefixes } = await store.list(call, { bucket, prefix, delimiter: '/', maxKeys: 1 });
      if (objects.length + prefixes.length > 0) return `there are objects below s3://${bucket}/${prefix}`;
    }
    return null;
  } catch (error) {
    if (isFault(error, 'cancelled')) throw error;
    const keys = await keyring.list();
    return keys.length === 0 ? null : `the keyring has ${keys.length} keys (S3 could not be listed)`;
  }
}
