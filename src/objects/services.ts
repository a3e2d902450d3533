import type { Call } from '../model/call.js';
import type { KeyLedger, LedgerRows } from '../model/ledger.js';
import type { ObjectRef, ObjectStore, ObjectTags } from '../model/object-store.js';
import type { ObjectVersions } from '../model/object-versions.js';
import type { PrefixOwner } from '../model/users/prefix-owners.js';
import type { ObjectFetcher, Vault } from '../vault/vault.js';
import type { EncryptionKeys } from './encryption-keys.js';

/** Dependencies of the operations on objects. */
export interface ObjectServices {
  readonly store: ObjectStore & ObjectVersions & ObjectTags;
  readonly vault: Vault & ObjectFetcher;
  /** Removes one version permanently. */
  readonly removeVersion: (call: Call, ref: ObjectRef, versionId: string) => Promise<void>;
  readonly ledger: KeyLedger;
  readonly rows: LedgerRows;
  readonly keys: EncryptionKeys;
  /** Prefixes with their owners, read from the settings when the command began. */
  readonly owners: readonly PrefixOwner[];
}

/** Max objects processed in parallel. */
export const parallelObjects = 16;
