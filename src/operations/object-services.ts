import type { Core } from '../assembly/core.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import { createLedgerRowBatches } from '../database/ledger/row-batches.js';
import type { Call, Logger } from '../model/call.js';
import type { PrefixOwner, PrefixOwners } from '../model/users/prefix-owners.js';
import { auditedRemoval, auditedVault } from '../objects/audited-vault.js';
import type { EncryptionKeys } from '../objects/encryption-keys.js';
import { createEncryptionKeys } from '../objects/key-index.js';
import type { ObjectServices } from '../objects/services.js';
import { createPrefixOwners } from '../users/prefix-owners.js';

/** The services of the `object` commands. Interrupting the command cancels `call`. */
export interface OpenObjectServices {
  readonly services: ObjectServices;
  readonly call: Call;
}

/**
 * Builds the services and lists the owners of prefixes. Keys are read when the first one is needed. Throws
 * faults of the users' files.
 */
export async function openObjectServices(
  core: Core,
  settings: LiveSettings,
  log: Logger,
): Promise<OpenObjectServices> {
  const { store, vault, ledger, database, call } = core;
  const owners = await prefixOwnersOf(core, settings).list();
  return {
    call,
    services: {
      store,
      vault: auditedVault(vault, core.scribe),
      removeVersion: auditedRemoval(store, core.scribe),
      ledger,
      rows: createLedgerRowBatches(database),
      keys: encryptionKeysOf(core, settings, owners, log),
      owners,
    },
  };
}

/** Returns the owners of prefixes by the present files of a root. */
export function prefixOwnersOf(core: Core, { paths }: LiveSettings): PrefixOwners {
  return createPrefixOwners({
    ...core.userServices,
    ...core,
    sharedSettingsDirectory: paths.sharedSettingsDirectory,
  });
}

/** Returns the keys of a root. They are read from its files and its keyring when the first one is needed. */
export function encryptionKeysOf(
  core: Core,
  { paths }: LiveSettings,
  owners: readonly PrefixOwner[],
  log: Logger,
): EncryptionKeys {
  const { sharedSettingsDirectory } = paths;
  return createEncryptionKeys({ ...core.userServices, ...core, sharedSettingsDirectory, owners, log });
}
