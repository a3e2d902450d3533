import { forEachInBatches } from '../concurrency/batches.js';
import type { Call } from '../model/call.js';
import type { FoundVersion, IntentId } from '../model/ledger.js';
import type { ListedVersion } from '../model/object-store.js';
import { mtimeOfMetadata, wholeSeconds } from '../vault/mtime.js';
import type { KeyComparison } from './compare.js';
import {
  type AuditFinding,
  type AuditProgress,
  type AuditServices,
  auditBatch,
  auditParallel,
} from './findings.js';
import { KeyFinder, type KeyFound } from './key-finder.js';
import { compareAgain, walkBucket } from './walk.js';

export interface RebuildRequest {
  readonly buckets: readonly string[];
  /** Goes into the rows. */
  readonly actor: string;
  /** Versions looked at side by side; 16 by default. */
  readonly parallel?: number;
  /** Keys between two times that what was found is written down. */
  readonly batch?: number;
  /** Called as often as there is news. */
  readonly progress?: (progress: AuditProgress) => void;
  /** Objects that no key opens, as they are found. */
  readonly found?: (finding: AuditFinding) => void;
}

export interface RebuildReport {
  /** Versions in the buckets, delete markers left out. */
  versions: number;
  /** Of them, those that the ledger knew already. */
  known: number;
  /** Rows that were written: by the key that a tag named, by trying keys, and of objects that need no key. */
  restoredByTag: number;
  restoredByTrial: number;
  restoredWithoutKey: number;
  /** Rows whose version is not in the bucket any more. */
  gone: number;
  /** Versions that no key opens. */
  unopened: number;
}

type Restored = 'restoredByTag' | 'restoredByTrial' | 'restoredWithoutKey';

/** Rows of one transaction: the gateway may be waiting to write meanwhile. */
const rowsAtOnce = 100;

/**
 * Makes the ledger say what the buckets hold: a row for each version that it does not know, under the key that opens it, and none for a
 * version that is gone. Every key is proven by HEAD. What is there already stays, so that it can be run again, after an interrupt too, at
 * the cost of a listing; the gateway may run meanwhile. Faults of the store and of the database end it.
 */
export async function rebuildLedger(
  services: AuditServices,
  call: Call,
  request: RebuildRequest,
): Promise<RebuildReport> {
  const rebuild = new Rebuild(services, call, request);
  for (const bucket of request.buckets) await rebuild.run(bucket);
  return rebuild.report;
}

class Rebuild {
  readonly report: RebuildReport = {
    versions: 0,
    known: 0,
    restoredByTag: 0,
    restoredByTrial: 0,
    restoredWithoutKey: 0,
    gone: 0,
    unopened: 0,
  };
  readonly #services: AuditServices;
  readonly #call: Call;
  readonly #request: RebuildRequest;
  readonly #finder: KeyFinder;
  #bytes = 0;
  #opened: { readonly version: FoundVersion; readonly by: Restored }[] = [];
  #gone: IntentId[] = [];

  constructor(services: AuditServices, call: Call, request: RebuildRequest) {
    this.#services = services;
    this.#call = call;
    this.#request = request;
    this.#finder = new KeyFinder(services.store, services.keys);
  }

  async run(bucket: string): Promise<void> {
    const keys = walkBucket(this.#services, this.#call, bucket, null);
    await forEachInBatches(
      keys,
      this.#request.parallel ?? auditParallel,
      this.#request.batch ?? auditBatch,
      (key) => this.#key(key),
      () => this.#write(),
    );
  }

  async #key(key: KeyComparison): Promise<void> {
    const { report } = this;
    report.known += key.matched.length;
    report.versions += key.matched.length + key.unknown.length;
    for (const { version } of key.matched) this.#bytes += version.size;
    for (const version of key.unknown) {
      this.#take(key, version, await this.#finder.find(this.#call, key.bucket, version));
      this.#bytes += version.size;
    }
    if (key.missing.length > 0) {
      const { missing } = await compareAgain(this.#services, this.#call, key);
      this.#gone.push(...missing.map((row) => row.id));
    }
    this.#request.progress?.({ versions: report.versions, bytes: this.#bytes });
  }

  #take(key: KeyComparison, version: ListedVersion, found: KeyFound): void {
    if (found.kind === 'gone') return;
    if (found.kind === 'no-key') {
      this.report.unopened += 1;
      this.#request.found?.(unopened(key.bucket, version, found));
      return;
    }
    const by: Restored =
      found.sealedWith.kind !== 'sse-c'
        ? 'restoredWithoutKey'
        : found.byTag
          ? 'restoredByTag'
          : 'restoredByTrial';
    this.#opened.push({ version: foundVersion(key, version, found), by });
  }

  async #write(): Promise<void> {
    const { versions } = this.#services;
    const { actor } = this.#request;
    for (let at = 0; at < this.#opened.length; at += rowsAtOnce) {
      const some = new Map(this.#opened.slice(at, at + rowsAtOnce).map(({ version, by }) => [version, by]));
      for (const written of await versions.restore([...some.keys()], actor)) {
        const by = some.get(written);
        if (by !== undefined) this.report[by] += 1;
      }
    }
    if (this.#gone.length > 0) await versions.markRemoved(this.#gone, actor);
    this.report.gone += this.#gone.length;
    this.#opened = [];
    this.#gone = [];
  }
}

export function foundVersion(
  { bucket, listedMs }: Pick<KeyComparison, 'bucket' | 'listedMs'>,
  version: ListedVersion,
  { info, sealedWith }: Extract<KeyFound, { kind: 'opened' }>,
): FoundVersion {
  return {
    ref: { bucket, key: version.key },
    // As an answer to a write would have it: without versioning there is none.
    versionId: info.versionId,
    isLatest: version.isLatest,
    sealedWith,
    size: info.size,
    checksum: info.checksum,
    etag: version.etag,
    mtimeSeconds: wholeSeconds(mtimeOfMetadata(info)),
    lastModifiedMs: version.lastModifiedMs,
    listedMs,
  };
}

export function unopened(
  bucket: string,
  version: ListedVersion,
  { tagged, tried }: Extract<KeyFound, { kind: 'no-key' }>,
): AuditFinding {
  const text =
    tagged === null
      ? `none of the ${tried} keys of the keyring opens it, and no tag names its key`
      : `its tag names the key ${tagged}, which does not open it or is not in the keyring; nor does any of the ${tried} others`;
  return {
    kind: 'no-key',
    ref: { bucket, key: version.key },
    versionId: version.versionId,
    keyId: tagged,
    text,
  };
}
