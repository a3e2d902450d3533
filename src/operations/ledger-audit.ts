import type { Core } from '../assembly/core.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import { systemClock, systemEntropy } from '../assembly/system.js';
import { createKeyUsage } from '../database/ledger/key-usage.js';
import { createLedgerVersions } from '../database/ledger/versions.js';
import type { AuditServices } from '../ledger-audit/findings.js';
import type { Call, Logger } from '../model/call.js';
import type { KeyUsage } from '../model/ledger.js';
import type { EncryptionKeys } from '../objects/encryption-keys.js';
import { openObjectServices } from './object-services.js';

/** The services of the `ledger` commands. Interrupting the command cancels `call`. */
export interface OpenLedger {
  readonly audit: AuditServices & { readonly usage: KeyUsage };
  readonly call: Call;
  /** Describes keys for people. */
  readonly names: Pick<EncryptionKeys, 'describe'>;
  /** Returns the buckets that the gateway uses: the default one, those of users and those in the ledger. */
  buckets(): Promise<readonly string[]>;
}

/**
 * Builds the services for the ledger commands without a request to S3. Throws faults of the users' files and
 * of the database.
 */
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
