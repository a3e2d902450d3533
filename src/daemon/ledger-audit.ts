import { createKeyUsage } from '../ledger/key-usage.js';
import { createLedgerVersions } from '../ledger/versions.js';
import type { Call } from '../model/call.js';
import type { KeyUsage } from '../model/ledger.js';
import type { ObjectKeys } from '../objects/object-keys.js';
import type { AuditServices } from '../vault/audit/findings.js';
import type { AuditKeys } from '../vault/audit/key-finder.js';
import { openObjects } from './object-rooms.js';
import type { Operations } from './operations.js';
import { systemClock, systemEntropy } from './system.js';

/** What the commands on the ledger stand on, and the call that ends when the command is interrupted. */
export interface OpenLedger {
  readonly audit: AuditServices & { readonly usage: KeyUsage };
  readonly call: Call;
  /** What a person is told of a key. */
  readonly names: Pick<ObjectKeys, 'describe' | 'beginningWith'>;
  /** The buckets that the gateway uses: the default, those of users, and those that the ledger names. */
  buckets(): Promise<readonly string[]>;
}

/** Nothing is asked of S3 yet. Faults of the users' files and of the database. */
export async function openLedger(operations: Operations): Promise<OpenLedger> {
  const { store, database, keyring, settings } = operations;
  const { rooms, call } = await openObjects(operations);
  const versions = createLedgerVersions(database, systemClock, systemEntropy);
  const usage = createKeyUsage(database, systemClock);
  const keys = allKeys(keyring, rooms.keys);
  return {
    audit: { store, versions, usage, keys, clock: systemClock, entropy: systemEntropy },
    call,
    names: rooms.keys,
    buckets: async () => {
      const ofUsers = rooms.owners.map(({ bucket }) => bucket);
      const byDefault = settings.bucket === null ? [] : [settings.bucket];
      return [...new Set([...byDefault, ...ofUsers, ...(await versions.buckets())])].sort();
    },
  };
}

/** The keyring's, and those that are in users' files only. */
function allKeys(keyring: AuditKeys, atHand: ObjectKeys): AuditKeys {
  return {
    open: async (id) => (await keyring.open(id)) ?? (await atHand.open(id)),
    list: async () => {
      const files = await atHand.beginningWith('');
      const inRing = await keyring.list();
      const known = new Set(files.map(({ id }) => id));
      return [...files, ...inRing.filter(({ id }) => !known.has(id))];
    },
  };
}
