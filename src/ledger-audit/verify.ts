import { RunningChecksum } from '../bytes/running-checksum.js';
import { forEachInBatches } from '../concurrency/batches.js';
import type { Call } from '../model/call.js';
import { checksumHex, checksumText, compareChecksums } from '../model/checksum.js';
import { noKey, type ReadAccess } from '../model/encryption.js';
import { Fault, isFault } from '../model/fault.js';
import type { IntentId, LiveRow } from '../model/ledger.js';
import type { ObjectInfo, ObjectRef } from '../model/object-store.js';
import type { ListedVersion } from '../model/object-versions.js';
import { isEncryptedAs } from '../vault/sealed-with.js';
import type { KeyComparison } from './compare.js';
import {
  type AuditFinding,
  type AuditProgress,
  type AuditServices,
  auditBatch,
  auditParallel,
  type FindingKind,
} from './findings.js';
import { KeyFinder } from './key-finder.js';
import { unopened } from './rebuild.js';
import { Sampler, type SamplerState } from './sampler.js';
import { compareAgain, walkBucket } from './walk.js';

/** Buckets and extent of a verification. */
export interface VerifyRequest {
  readonly buckets: readonly string[];
  /**
   * Number of versions to open, chosen at random; null for all. All versions are compared by listing in any
   * case.
   */
  readonly sample: number | null;
  /** Reads the content of opened versions too. */
  readonly reads: boolean;
  /** Point where an earlier run was interrupted; null to start from the beginning. */
  readonly from: VerifyState | null;
  readonly actor: string;
  readonly parallel?: number;
  /** Object keys between two checkpoints. */
  readonly batch?: number;
  readonly progress?: (progress: AuditProgress) => void;
  readonly found?: (finding: AuditFinding) => void;
  /** Called when all keys up to this state are done. The verification waits for it. */
  readonly checkpoint?: (state: VerifyState) => Promise<void>;
}

/** Counts of a verification. */
export interface VerifyCounts {
  versions: number;
  bytes: number;
  /** Versions opened with their key. */
  opened: number;
  /**
   * Versions that the ledger does not know and that need no customer key. They belong to another client and
   * are not an error.
   */
  foreignWithoutKey: number;
  /** Versions that the ledger does not know and that were not in the sample. */
  foreignNotOpened: number;
  /** Older versions that were removed from the bucket, now settled in the ledger. */
  olderVersionsGone: number;
  /** Running writes. */
  pending: number;
  findings: number;
}

/** Point at which a verification can resume. It can be stored as JSON. */
export interface VerifyState {
  readonly bucket: string;
  readonly afterKey: string;
  readonly sampler: SamplerState | null;
  readonly counts: VerifyCounts;
}

const noCounts: VerifyCounts = {
  versions: 0,
  bytes: 0,
  opened: 0,
  foreignWithoutKey: 0,
  foreignNotOpened: 0,
  olderVersionsGone: 0,
  pending: 0,
  findings: 0,
};

/**
 * Compares the ledger with the buckets: lists all versions, and opens each of them (or a sample) with the key
 * that its row names. Does not change S3; in the ledger it only marks removed older versions. Checks each
 * difference a second time, because the gateway may be writing. Reports errors of a single key or object as
 * findings. Throws faults of the store and of the database.
 */
export async function verifyLedger(
  services: AuditServices,
  call: Call,
  request: VerifyRequest,
): Promise<VerifyCounts> {
  const verification = new Verification(services, call, request, await samplerOf(services, request));
  const start = request.from === null ? 0 : request.buckets.indexOf(request.from.bucket);
  if (start === -1) {
    throw new Fault(
      'invalid',
      `the interrupted verification was in bucket "${request.from?.bucket}"; give the same buckets`,
    );
  }
  for (const [index, bucket] of request.buckets.entries()) {
    if (index < start) continue;
    await verification.run(bucket, index === start ? (request.from?.afterKey ?? null) : null);
  }
  return verification.counts;
}

async function samplerOf(
  { versions, entropy }: AuditServices,
  request: VerifyRequest,
): Promise<Sampler | null> {
  if (request.sample === null) return null;
  if (request.from !== null && request.from.sampler !== null) {
    return new Sampler(request.from.sampler, entropy);
  }
  let total = 0;
  for (const bucket of request.buckets) total += await versions.countLive(bucket);
  return new Sampler({ wanted: request.sample, left: total }, entropy);
}

class Verification {
  readonly counts: VerifyCounts;
  readonly #services: AuditServices;
  readonly #call: Call;
  readonly #request: VerifyRequest;
  readonly #sampler: Sampler | null;
  readonly #finder: KeyFinder;
  #removed: IntentId[] = [];

  constructor(services: AuditServices, call: Call, request: VerifyRequest, sampler: Sampler | null) {
    this.#services = services;
    this.#call = call;
    this.#request = request;
    this.#sampler = sampler;
    this.#finder = new KeyFinder(services.store, services.keys);
    this.counts = { ...noCounts, ...request.from?.counts };
  }

  async run(bucket: string, afterKey: string | null): Promise<void> {
    const keys = walkBucket(this.#services, this.#call, bucket, afterKey);
    const { parallel = auditParallel, batch = auditBatch } = this.#request;
    await forEachInBatches(
      keys,
      parallel,
      batch,
      (key) => this.#key(key),
      (done) => this.#settled(done),
    );
  }

  async #settled(batch: readonly KeyComparison[]): Promise<void> {
    if (this.#removed.length > 0)
      await this.#services.versions.markRemoved(this.#removed, this.#request.actor);
    this.counts.olderVersionsGone += this.#removed.length;
    this.#removed = [];
    const last = batch.at(-1);
    if (last === undefined) return;
    await this.#request.checkpoint?.({
      bucket: last.bucket,
      afterKey: last.key,
      sampler: this.#sampler?.state ?? null,
      counts: { ...this.counts },
    });
  }

  async #key(listed: KeyComparison): Promise<void> {
    const isPlain = listed.unknown.length === 0 && listed.missing.length === 0;
    const ref = { bucket: listed.bucket, key: listed.key };
    const key = isPlain ? listed : await compareAgain(this.#services, this.#call, listed);
    for (const { version, row } of key.matched) await this.#known(ref, version, row);
    for (const version of key.unknown) await this.#unknown(key, ref, version);
    for (const row of key.missing) this.#missing(ref, row);
    this.counts.pending += key.intended.length;
    const { versions, bytes } = this.counts;
    this.#request.progress?.({ versions, bytes });
  }

  #report(
    kind: FindingKind,
    ref: ObjectRef,
    versionId: string | null,
    sealedWith: LiveRow['sealedWith'] | null,
    text: string,
  ): void {
    this.counts.findings += 1;
    const keyId = sealedWith?.kind === 'sse-c' ? sealedWith.fingerprint : null;
    this.#request.found?.({ kind, ref, versionId, keyId, text });
  }

  #missing(ref: ObjectRef, row: LiveRow): void {
    if (!row.isCurrent) {
      this.#removed.push(row.id);
      return;
    }
    const since = new Date(row.settledMs ?? row.intendedMs).toISOString();
    const text = `in the ledger (${row.actor}, ${since}) but not in the bucket`;
    this.#report('missing', ref, row.confirmation?.versionId ?? null, row.sealedWith, text);
  }

  async #unknown(key: KeyComparison, ref: ObjectRef, version: ListedVersion): Promise<void> {
    this.#count(version);
    // A running write may have created this version before its row is confirmed.
    if (key.intended.length > 0 && version.isLatest) return;
    if (this.#sampler?.takes() === false) {
      this.counts.foreignNotOpened += 1;
      return;
    }
    const found = await this.#finder.find(this.#call, ref.bucket, version);
    if (found.kind === 'gone') return;
    if (found.kind === 'no-key') {
      this.counts.findings += 1;
      this.#request.found?.(unopened(ref.bucket, version, found));
      return;
    }
    this.counts.opened += 1;
    const { sealedWith } = found;
    if (sealedWith.kind !== 'sse-c') this.counts.foreignWithoutKey += 1;
    else {
      const text = `not in the ledger; the key ${sealedWith.fingerprint} opens it`;
      this.#report('foreign', ref, version.versionId, sealedWith, text);
    }
  }

  #count(version: ListedVersion): void {
    this.counts.versions += 1;
    this.counts.bytes += version.size;
  }

  async #known(ref: ObjectRef, version: ListedVersion, row: LiveRow): Promise<void> {
    this.#count(version);
    const { versionId } = version;
    const { sealedWith, confirmation } = row;
    const isInSample = this.#sampler?.takes() ?? true;
    if (confirmation !== null && confirmation.size !== version.size) {
      const text = `${version.size} bytes in the bucket, ${confirmation.size} bytes in the ledger`;
      this.#report('wrong-size', ref, versionId, sealedWith, text);
      return;
    }
    if (!isInSample) return;
    const access = await this.#accessOf(row);
    if (access === null) {
      const keyId = sealedWith.kind === 'sse-c' ? sealedWith.fingerprint : '';
      this.#report('no-key', ref, versionId, sealedWith, `its key ${keyId} is not in the keyring`);
      return;
    }
    const info = await this.#finder.head(this.#call, ref, version, access);
    if (info === 'gone') return;
    if (info === null || !isEncryptedAs(info.encryption, sealedWith)) {
      await this.#wrongKey(ref, version, row);
      return;
    }
    this.counts.opened += 1;
    const expected = confirmation?.checksum ?? null;
    if (
      expected !== null &&
      info.checksum !== null &&
      compareChecksums(expected, info.checksum) === 'different'
    ) {
      const text = `S3 has the ${checksumText(info.checksum)}, the ledger ${checksumHex(expected)}`;
      this.#report('wrong-checksum', ref, versionId, sealedWith, text);
      return;
    }
    if (this.#request.reads) await this.#read(ref, version, row, access, info);
  }

  async #accessOf({ sealedWith }: LiveRow): Promise<ReadAccess | null> {
    if (sealedWith.kind !== 'sse-c') return noKey;
    const key = await this.#finder.open(sealedWith.fingerprint);
    return key === null ? null : { kind: 'sse-c', key };
  }

  async #wrongKey(ref: ObjectRef, version: ListedVersion, row: LiveRow): Promise<void> {
    const { sealedWith } = row;
    const recorded = sealedWith.kind === 'sse-c' ? `the key ${sealedWith.fingerprint}` : sealedWith.kind;
    const found = await this.#finder.find(this.#call, ref.bucket, version);
    if (found.kind === 'gone') return;
    const opens =
      found.kind === 'no-key'
        ? `no key in the keyring opens it`
        : found.sealedWith.kind === 'sse-c'
          ? `the key ${found.sealedWith.fingerprint} opens it`
          : `it is encrypted with ${found.info.encryption.kind}`;
    const kind = found.kind === 'no-key' ? 'no-key' : 'wrong-key';
    this.#report(kind, ref, version.versionId, sealedWith, `the ledger has ${recorded}; ${opens}`);
  }

  /** Reads all bytes and compares their checksum with the ledger's, or with S3's if the ledger has none. */
  async #read(
    ref: ObjectRef,
    version: ListedVersion,
    row: LiveRow,
    access: ReadAccess,
    info: ObjectInfo,
  ): Promise<void> {
    const { versionId } = version;
    const condition = {
      ifMatch: version.etag,
      ...(version.isLatest || versionId === null ? {} : { versionId }),
    };
    const expected = row.confirmation?.checksum ?? info.checksum;
    const sum = new RunningChecksum(expected?.algorithm ?? this.#services.store.checksumAlgorithm);
    let size = 0;
    try {
      const body = await this.#services.store.read(this.#call, ref, access, null, condition);
      if (body === null) return;
      for await (const piece of body.bytes) {
        sum.update(piece);
        size += piece.byteLength;
      }
    } catch (error) {
      // The key has just opened it, so another key means a newer object too, as from a rotation.
      if (isFault(error, 'conflict', 'key-mismatch', 'key-missing')) return;
      if (!isFault(error, 'corrupt', 'unsupported', 'denied')) throw error;
      this.#report('unreadable', ref, versionId, row.sealedWith, error.hint);
      return;
    }
    const read = sum.checksum;
    if (size !== info.size || compareChecksums(expected, read) === 'different') {
      const text = `read ${size} bytes with the ${checksumText(read)}, expected ${info.size} bytes with ${expected === null ? 'any checksum' : checksumHex(expected)}`;
      this.#report('wrong-checksum', ref, versionId, row.sealedWith, text);
    }
  }
}
