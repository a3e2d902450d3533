import { forEachInBatches } from '../concurrency/batches.js';
import type { Call } from '../model/call.js';
import type { FoundVersion, IntentId } from '../model/ledger.js';
import type { ListedVersion } from '../model/object-versions.js';
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

/** Buckets of a rebuild, with bounds on the work. */
export interface RebuildRequest {
  readonly buckets: readonly string[];
  /** Writer recorded in the new rows. */
  readonly actor: string;
  /** Max versions checked in parallel; 16 by default. */
  readonly parallel?: number;
  /** Object keys between two writes to the ledger. */
  readonly batch?: number;
  /** Called after every key. */
  readonly progress?: (progress: AuditProgress) => void;
  /** Called for each version that no key opens. */
  readonly found?: (finding: AuditFinding) => void;
}

/** Counts of a rebuild. */
export interface RebuildReport {
  /** Versions in the buckets, without delete markers. */
  versions: number;
  /** Versions that the ledger knew already. */
  known: number;
  /** New rows, by the source of the key: the tag, a trial of keys, or no key at all. */
  restoredByTag: number;
  restoredByTrial: number;
  restoredWithoutKey: number;
  /** Rows whose version is no longer in the bucket. */
  gone: number;
  /** Versions that no key opens. */
  unopened: number;
}

type Restored = 'restoredByTag' | 'restoredByTrial' | 'restoredWithoutKey';

/** Max rows per transaction, because the gateway may be waiting to write. */
const rowsAtOnce = 100;

/**
 * Restores the ledger from the buckets. Adds a row for each version that it does not know, with the key that
 * opens the version, and settles the rows of removed versions. Proves every key by HEAD. Keeps existing rows,
 * so a second run, also after an interruption, costs little more than a listing. The gateway may run at the
 * same time. Throws faults of the store and of the database.
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
  #removed: IntentId[] = [];

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
      this.#removed.push(...missing.map((row) => row.id));
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
    if (this.#removed.length > 0) await versions.markRemoved(this.#removed, actor);
    this.report.gone += this.#removed.length;
    this.#opened = [];
    this.#removed = [];
  }
}

/** Returns the row to restore for a version that a key, or no key, opened. */
export function foundVersion(
  { bucket, listedMs }: Pick<KeyComparison, 'bucket' | 'listedMs'>,
  version: ListedVersion,
  { info, sealedWith }: Extract<KeyFound, { kind: 'opened' }>,
): FoundVersion {
  return {
    ref: { bucket, key: version.key },
    // As in S3's answer to a write, the id is null without versioning.
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

/** Returns the finding for a version that no key opens. */
export function unopened(
  bucket: string,
  version: ListedVersion,
  { tagged, tried }: Extract<KeyFound, { kind: 'no-key' }>,
): AuditFinding {
  const text =
    tagged === null
      ? `no tag names its key, and none of the ${tried} keys in the keyring opens it`
      : `its tag names the key ${tagged}, which is not in the keyring or does not open it; none of ${tried} other keys opens it`;
  return {
    kind: 'no-key',
    ref: { bucket, key: version.key },
    versionId: version.versionId,
    keyId: tagged,
    text,
  };
}
