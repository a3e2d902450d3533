import type { Call } from '../../model/call.js';
import type { CustomerKey } from '../../model/customer-key.js';
import type { LedgerDirectory } from '../../model/ledger.js';
import type { Vault } from '../../vault/vault.js';
import type { DirectoryCache } from './directory-cache.js';
import type { ListedNames, NameLists } from './listed-names.js';
import type { ListingDemand } from './listing-demand.js';
import type { ObjectLocation } from './location.js';

/** Services that all sessions of the process share to show objects as files. */
export interface ObjectLookupServices {
  readonly vault: Pick<Vault, 'describe' | 'openReader' | 'remove'>;
  /** Lists that `listedNames` remembers. */
  readonly store: NameLists;
  readonly ledger: LedgerDirectory;
  readonly directoryCache: DirectoryCache;
  readonly listedNames: ListedNames;
  readonly listingDemand: ListingDemand;
  /** Prefixes whose unusable names have been logged. */
  readonly reported: Set<string>;
}

/** A prefix of a bucket that is shown as a tree of files. */
export interface ObjectPrefix {
  readonly services: ObjectLookupServices;
  readonly location: ObjectLocation;
  /**
   * Whether the ledger knows the time of every object that it describes. If not, the metadata may contain a
   * time that the ledger does not.
   */
  readonly ledgerHasTimes: boolean;
  /** Returns the keys that may open the objects, the likeliest first. */
  keys(call: Call): Promise<readonly CustomerKey[]>;
}
