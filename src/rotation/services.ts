import type { Clock } from '../model/call.js';
import type { CustomerKey, KeyFingerprint } from '../model/customer-key.js';
import type { CannedAcl } from '../model/encryption.js';
import type { KeyUsage, LedgerVersions } from '../model/ledger.js';
import type { ObjectAcls, ObjectStore, ObjectVersions } from '../model/object-store.js';
import type { RotationJobs } from '../model/rotation.js';
import type { Vault } from '../vault/vault.js';

/** What a rotation works with. */
export interface RotationServices {
  readonly jobs: RotationJobs;
  readonly vault: Pick<Vault, 'copy' | 'describe' | 'remove'>;
  readonly store: Pick<ObjectStore, 'list' | 'remove'> & ObjectVersions & ObjectAcls;
  readonly versions: Pick<LedgerVersions, 'liveRowsOf' | 'markRemoved' | 'restore'>;
  readonly usage: Pick<KeyUsage, 'needs'>;
  readonly clock: Clock;
  /** Every key that may open the user's objects. */
  keysOf(username: string): Promise<readonly CustomerKey[]>;
  /** What the user's uploads are sent with. */
  aclOf(username: string): Promise<CannedAcl | null>;
  /** Nothing is to be written under this key any more. A key that is in no keyring is no fault. */
  retire(key: KeyFingerprint): Promise<void>;
  /** How long uploads that began under an older key are waited for at the end. */
  readonly patienceMs: number;
}
