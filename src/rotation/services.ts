import type { Clock } from '../model/call.js';
import type { CustomerKey, KeyFingerprint } from '../model/customer-key.js';
import type { CannedAcl } from '../model/encryption.js';
import type { KeyUsage, LedgerVersions } from '../model/ledger.js';
import type { ObjectAcls, ObjectStore } from '../model/object-store.js';
import type { ObjectVersions } from '../model/object-versions.js';
import type { RotationJobs } from '../model/rotation.js';
import type { Vault } from '../vault/vault.js';

/** Dependencies of a rotation. */
export interface RotationServices {
  readonly jobs: RotationJobs;
  readonly vault: Pick<Vault, 'copy' | 'describe' | 'remove'>;
  readonly store: Pick<ObjectStore, 'list' | 'remove'> & ObjectVersions & ObjectAcls;
  readonly versions: Pick<LedgerVersions, 'liveRowsOf' | 'markRemoved' | 'restore'>;
  readonly usage: Pick<KeyUsage, 'needs'>;
  readonly clock: Clock;
  /** Returns every key that may open the user's objects. */
  keysOf(username: string): Promise<readonly CustomerKey[]>;
  /** Returns the ACL of the user's uploads. */
  aclOf(username: string): Promise<CannedAcl | null>;
  /** Ends the use of a key for new objects. Ignores a key that is in no keyring. */
  retire(key: KeyFingerprint): Promise<void>;
  /** Max time in milliseconds to wait at the end for uploads that began under an older key. */
  readonly patienceMs: number;
}
