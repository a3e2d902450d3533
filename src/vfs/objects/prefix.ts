import type { Call } from '../../model/call.js';
import type { CustomerKey } from '../../model/customer-key.js';
import type { LedgerDirectory } from '../../model/ledger.js';
import type { ObjectStore } from '../../model/object-store.js';
import type { Vault } from '../../vault/vault.js';
import type { DirectoryCache } from './directory-cache.js';
import type { ObjectLocation } from './location.js';

/** Services that all sessions of the process share to show objects as files. */
export interface ObjectLookupServices {
  readonly vault: Pick<Vault, 'describe' | 'openReader' | 'remove'>;
  readonly store: Pick<ObjectStore, 'list'>;
  readonly ledger: LedgerDirectory;
  readonly directoryCache: DirectoryCache;
  /** Prefixes whose unusable names have been logged. */
  readonly reported: Set<string>;
}

/** A prefix of a bucket that is shown as a tree of files. */
export interface ObjectPrefix {
  readonly services: ObjectLookupServices;
  readonly location: ObjectLocation;
  /** Returns the keys that may open the objects, the likeliest first. */
  keys(call: Call): Promise<readonly CustomerKey[]>;
}
