import { createLedgerRows } from '../ledger/many-rows.js';
import { createLedgerVersions } from '../ledger/versions.js';
import type { Call } from '../model/call.js';
import type { ObjectRooms } from '../objects/rooms.js';
import { createPrefixOwners } from '../users/prefix-owners.js';
import { createObjectKeys } from './object-keys.js';
import type { Operations } from './operations.js';
import { systemClock, systemEntropy } from './system.js';

/** What the commands on objects stand on, and the call that ends when the command is interrupted. */
export interface OpenObjects {
  readonly rooms: ObjectRooms;
  readonly call: Call;
}

/** Reads whose places there are; the keys are read when the first is needed. Faults of the users' files. */
export async function openObjects(operations: Operations): Promise<OpenObjects> {
  const { store, vault, ledger, database, parts, users, registry, settings, log, call } = operations;
  const { sharedSettingsDirectory } = settings.paths;
  const shared = { ...parts, sharedSettingsDirectory, users, registry, call };
  const owners = await createPrefixOwners(shared).list();
  return {
    call,
    rooms: {
      store,
      vault,
      ledger,
      rows: createLedgerRows(database),
      versions: createLedgerVersions(database, systemClock, systemEntropy),
      keys: createObjectKeys({ ...shared, owners, log }),
      owners,
    },
  };
}
