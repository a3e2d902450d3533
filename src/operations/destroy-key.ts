import { systemClock, systemEntropy } from '../assembly/system.js';
import { createKeyUsage } from '../database/ledger/key-usage.js';
import { createLedgerVersions } from '../database/ledger/versions.js';
import type { AuditProgress } from '../ledger-audit/findings.js';
import { findNeeds, proveKeyUnused } from '../ledger-audit/prove-unused.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import type { KeyNeed } from '../model/ledger.js';
import { findRawFiles } from '../users/key-import.js';
import { openObjectServices } from './object-services.js';
import type { RootServices } from './open-root.js';

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
  root: RootServices,
  keyId: KeyFingerprint,
  progress: (progress: AuditProgress) => void,
): Promise<DestroyOutcome> {
  const { services, request } = await proofOf(root, keyId, 'key destroy', progress);
  const outcome = await proveKeyUnused(services, root.call, request);
  if (outcome.kind === 'needed') return outcome;
  await root.keyring.destroy(outcome.proof);
  return { kind: 'destroyed', rawFiles: await findRawFiles(root.userServices, keyId) };
}

/**
 * Returns the first hundred versions that need a key; none if it could be destroyed. Checks every version in every
 * bucket, as `destroyKey` does, and destroys nothing. Throws as `proveKeyUnused`.
 */
export async function findKeyNeeds(
  root: RootServices,
  keyId: KeyFingerprint,
  progress: (progress: AuditProgress) => void,
): Promise<readonly KeyNeed[]> {
  const { services, request } = await proofOf(root, keyId, 'key prove', progress);
  return await findNeeds(services, root.call, request);
}

async function proofOf(
  root: RootServices,
  keyId: KeyFingerprint,
  actor: string,
  progress: (progress: AuditProgress) => void,
) {
  const { store, keyring, database, settings, log } = root;
  const { owners } = (await openObjectServices(root, settings, log)).services;
  const buckets = owners.map(({ bucket }) => bucket);
  return {
    services: {
      store,
      versions: createLedgerVersions(database, systemClock, systemEntropy),
      usage: createKeyUsage(database, systemClock),
      keys: keyring,
      clock: systemClock,
      entropy: systemEntropy,
    },
    request: {
      keyId,
      buckets: settings.bucket === null ? buckets : [...buckets, settings.bucket],
      actor,
      progress,
    },
  };
}
