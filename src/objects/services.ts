import type { KeyLedger, LedgerRows, LedgerVersions } from '../model/ledger.js';
import type { ObjectStore, ObjectTags, ObjectVersions } from '../model/object-store.js';
import type { PrefixOwner } from '../model/prefix-owners.js';
import type { ObjectFetcher, Vault } from '../vault/vault.js';
import type { EncryptionKeys } from './encryption-keys.js';

/** What the work on objects stands on. */
export interface ObjectServices {
  readonly store: ObjectStore & ObjectVersions & ObjectTags;
  readonly vault: Vault & ObjectFetcher;
  readonly ledger: KeyLedger;
  readonly rows: LedgerRows;
  readonly versions: Pick<LedgerVersions, 'liveRowsOf' | 'markRemoved'>;
  readonly keys: EncryptionKeys;
  /** Whose places there are, as the files said when the work began. */
  readonly owners: readonly PrefixOwner[];
}

/** Objects that are worked on side by side. */
export const parallelObjects = 16;
