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

/** The result of `destroyKey`. */
export type DestroyOutcome =
  /** Nothing changed. `needs` are the first hundred uses of the key. */
  | { readonly kind: 'needed'; readonly needs: readonly KeyNeed[] }
  /** The keyring no longer has the key. `rawFiles` are users' own key files that still hold it. */
  | { readonly kind: 'destroyed'; readonly rawFiles: readonly string[] };

/**
 * Destroys a key after checking that no version in any bucket needs it. If it is interrupted, nothing is
 * destroyed, and the next call checks everything again. Throws as `proveKeyUnused` and `Keyring.destroy`.
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
