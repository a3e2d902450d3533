import { systemClock, systemEntropy } from '../assembly/system.js';
import type { AuditProgress } from '../audit/findings.js';
import { proveKeyUnused } from '../audit/prove-unused.js';
import { createKeyUsage } from '../database/ledger/key-usage.js';
import { createLedgerVersions } from '../database/ledger/versions.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import type { KeyNeed } from '../model/ledger.js';
import { findRawFiles } from '../users/key-import.js';
import { openObjectServices } from './object-services.js';
import type { OpenRoot } from './open-root.js';

export type DestroyOutcome =
  /** Nothing was changed: the first hundred of what needs the key. */
  | { readonly kind: 'needed'; readonly needs: readonly KeyNeed[] }
  /** Gone from the keyring. `rawFiles` hold it still: they are people's own. */
  | { readonly kind: 'destroyed'; readonly rawFiles: readonly string[] };

/**
 * Destroys a key once every version in every bucket has been looked at and none needs it. Interrupted, nothing is destroyed; the same call
 * begins anew. Faults as `proveKeyUnused` and `Keyring.destroy`.
 */
export async function destroyKey(
  root: OpenRoot,
  keyId: KeyFingerprint,
  progress: (progress: AuditProgress) => void,
): Promise<DestroyOutcome> {
  const { store, keyring, database, settings, userServices, call, log } = root;
  const { services } = await openObjectServices(root, settings, log);
  const buckets = services.owners.map(({ bucket }) => bucket);
  const outcome = await proveKeyUnused(
    {
      store,
      versions: createLedgerVersions(database, systemClock, systemEntropy),
      usage: createKeyUsage(database, systemClock),
      keys: keyring,
      clock: systemClock,
      entropy: systemEntropy,
    },
    call,
    {
      keyId,
      buckets: settings.bucket === null ? buckets : [...buckets, settings.bucket],
      actor: 'key destroy',
      progress,
    },
  );
  if (outcome.kind === 'needed') return outcome;
  await keyring.destroy(outcome.proof);
  return { kind: 'destroyed', rawFiles: await findRawFiles(userServices, keyId) };
}
