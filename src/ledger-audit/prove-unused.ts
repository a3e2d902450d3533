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

/** Key and buckets of a proof, with bounds on the work. */
export interface ProofRequest {
  readonly keyId: KeyFingerprint;
  /** Buckets that may hold an object with this key. Buckets named in the ledger are checked as well. */
  readonly buckets: readonly string[];
  readonly actor: string;
  readonly parallel?: number;
  /** Object keys between two records of the findings. */
  readonly batch?: number;
  readonly progress?: (progress: AuditProgress) => void;
}

/** Result of an attempt to prove a key unused. */
export type ProofOutcome =
  | { readonly kind: 'unused'; readonly proof: UnusedKeyProof }
  /** The first hundred versions that need the key. */
  | { readonly kind: 'needed'; readonly needs: readonly KeyNeed[] };

/**
 * Proves that no version needs a key, or returns those that do. Checks every version in every bucket. Tries
 * the key on versions that the ledger does not know (by HEAD), records those that it opens, and settles rows
 * whose version is gone. Then the ledger decides, and bars the key in the same transaction. Throws
 * `key-missing` if the key is not available, and `not-found` or `denied` if a bucket cannot be read: without
 * that bucket there is no proof.
 */
export async function proveKeyUnused(
  services: AuditServices & { readonly usage: KeyUsage },
  call: Call,
  request: ProofRequest,
): Promise<ProofOutcome> {
  await checkAllBuckets(services, call, request);
  const outcome = await services.usage.proveUnused(request.keyId);
  return 'provenMs' in outcome ? { kind: 'unused', proof: outcome } : { kind: 'needed', needs: outcome };
}

/** Versions that an answer names. */
const needsNamed = 100;

/**
 * Returns the first hundred versions that need a key, after the same checks as `proveKeyUnused`. It does not bar the
 * key, so a new object may need it later. Throws as `proveKeyUnused`.
 */
export async function findNeeds(
  services: AuditServices & { readonly usage: Pick<KeyUsage, 'needs'> },
  call: Call,
  request: ProofRequest,
): Promise<readonly KeyNeed[]> {
  await checkAllBuckets(services, call, request);
  return await services.usage.needs(request.keyId, null, needsNamed);
}

/** Makes the ledger equal to the buckets as far as the key is concerned. */
async function checkAllBuckets(services: AuditServices, call: Call, request: ProofRequest): Promise<void> {
  const key = await services.keys.open(request.keyId);
  if (key === null) {
    throw new Fault('key-missing', `the key ${request.keyId} is not in the keyring and cannot be tried`);
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
      const info = await finder.head(call, ref, version, access);
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
}
