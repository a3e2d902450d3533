import type { Core } from '../assembly/core.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import { systemClock, systemEntropy } from '../assembly/system.js';
import type { AuditServices } from '../audit/findings.js';
import { createKeyUsage } from '../database/ledger/key-usage.js';
import { createLedgerVersions } from '../database/ledger/versions.js';
import type { Call, Logger } from '../model/call.js';
import type { KeyUsage } from '../model/ledger.js';
import type { EncryptionKeys } from '../objects/encryption-keys.js';
import { openObjectServices } from './object-services.js';

/** What the commands on the ledger stand on, and the call that ends when the command is interrupted. */
export interface OpenLedger {
  readonly audit: AuditServices & { readonly usage: KeyUsage };
  readonly call: Call;
  /** What a person is told of a key. */
  readonly names: Pick<EncryptionKeys, 'describe'>;
  /** The buckets that the gateway uses: the default, those of users, and those that the ledger names. */
  buckets(): Promise<readonly string[]>;
}

/** Nothing is asked of S3 yet. Faults of the users' files and of the database. */
export async function openLedger(core: Core, settings: LiveSettings, log: Logger): Promise<OpenLedger> {
  const { store, database } = core;
  const { services, call } = await openObjectServices(core, settings, log);
  const { keys: names } = services;
  const versions = createLedgerVersions(database, systemClock, systemEntropy);
  const usage = createKeyUsage(database, systemClock);
  const keys = { open: names.open.bind(names), list: () => names.beginningWith('') };
  return {
    audit: { store, versions, usage, keys, clock: systemClock, entropy: systemEntropy },
    call,
    names,
    buckets: async () => {
      const ofUsers = services.owners.map(({ bucket }) => bucket);
      const byDefault = settings.bucket === null ? [] : [settings.bucket];
      return [...new Set([...byDefault, ...ofUsers, ...(await versions.buckets())])].sort();
    },
  };
}
