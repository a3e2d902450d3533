import { forEachInBatches } from '../concurrency/batches.js';
import type { Call } from '../model/call.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import type { FoundVersion, IntentId, KeyNeed, KeyUsage, UnusedKeyProof } from '../model/ledger.js';
import type { KeyComparison } from './compare.js';
import { type AuditProgress, type AuditServices, auditBatch, auditParallel } from './findings.js';
import { KeyFinder } from './key-finder.js';
import { foundVersion } from './rebuild.js';
import { compareAgain, walkBucket } from './walk.js';

export interface ProofRequest {
  readonly keyId: KeyFingerprint;
  /** Every bucket that may hold an object under the key; those that the ledger names are looked at besides. */
  readonly buckets: readonly string[];
  readonly actor: string;
  readonly parallel?: number;
  /** Keys between two times that what was found is written down. */
  readonly batch?: number;
  readonly progress?: (progress: AuditProgress) => void;
}

export type ProofOutcome =
  | { readonly kind: 'unused'; readonly proof: UnusedKeyProof }
  /** The first hundred of what needs the key. */
  | { readonly kind: 'needed'; readonly needs: readonly KeyNeed[] };

/**
 * Proves that nothing needs a key, or says what does. Every version in every bucket is looked at: those that the ledger does not know are
 * tried with the key (by HEAD) and written down when it opens them, rows of versions that are gone are settled; then the ledger
 * decides, and bars the key in the same transaction. Throws `key-missing` when there is no such key to try; `not-found` and
 * `denied` for a bucket that cannot be looked at: without it nothing is proven.
 */
export async function proveKeyUnused(
  services: AuditServices & { readonly usage: KeyUsage },
  call: Call,
  request: ProofRequest,
): Promise<ProofOutcome> {
  const key = await services.keys.open(request.keyId);
  if (key === null) {
    throw new Fault('key-missing', `the key ${request.keyId} is not in the keyring: it cannot be tried`);
  }
  const finder = new KeyFinder(services.store, services.keys);
  const buckets = new Set([...request.buckets, ...(await services.versions.buckets())]);
  let versions = 0;
  let bytes = 0;
  let found: FoundVersion[] = [];
  let gone: IntentId[] = [];

  const check = async (listed: KeyComparison): Promise<void> => {
    const isPlain = listed.unknown.length === 0 && listed.missing.length === 0;
    const { bucket } = listed;
    const now = isPlain ? listed : await compareAgain(services, call, listed);
    for (const version of now.unknown) {
      const ref = { bucket, key: version.key };
      const access = { kind: 'sse-c', key } as const;
      const info = await finder.look(call, ref, version, access);
      if (info === null || info === 'gone') continue;
      const sealedWith = {
        kind: 'sse-c',
        fingerprint: key.fingerprint,
        keyMd5Base64: key.md5Base64,
      } as const;
      found.push(foundVersion(now, version, { kind: 'opened', info, sealedWith, access, byTag: false }));
    }
    gone.push(...now.missing.map((row) => row.id));
    versions += now.matched.length + now.unknown.length;
    for (const { version } of now.matched) bytes += version.size;
    request.progress?.({ versions, bytes });
  };

  for (const bucket of [...buckets].sort()) {
    const keys = walkBucket(services, call, bucket, null);
    await forEachInBatches(
      keys,
      request.parallel ?? auditParallel,
      request.batch ?? auditBatch,
      check,
      async () => {
        if (found.length > 0) await services.versions.restore(found, request.actor);
        if (gone.length > 0) await services.versions.markRemoved(gone, request.actor);
        found = [];
        gone = [];
      },
    );
  }
  const outcome = await services.usage.proveUnused(request.keyId);
  return 'provenMs' in outcome ? { kind: 'unused', proof: outcome } : { kind: 'needed', needs: outcome };
}
