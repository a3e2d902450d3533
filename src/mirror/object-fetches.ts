import type { Semaphore } from '../concurrency/semaphore.js';
import { hasCode } from '../files/system-errors.js';
import type { Call, Clock } from '../model/call.js';
import { Fault, isFault } from '../model/fault.js';
import type {
  ListedFile,
  MirrorEntry,
  MirrorPrefix,
  MirrorProblem,
  MirrorProblemKind,
} from '../model/mirror.js';
import type { ObjectRef } from '../model/object-store.js';
import type { ObjectFetcher } from '../vault/vault.js';
import type { Committer } from './disk/committer.js';
import type { DiskSpace } from './disk/disk-space.js';
import type { MirrorDisk } from './disk/mirror-disk.js';
import { Failures } from './failures.js';
import { type FetchedFile, fetchToStaging } from './fetcher.js';
import { fingerprintOf, type LikelyAccess } from './likely-access.js';
import type { KeyObservations } from './observations.js';
import type { MirrorSettings } from './options.js';
import { plainEtag } from './plan/listing.js';
import { describeMissingKey } from './plan/planner.js';

/** Result of the fetch of one object. */
export type FetchOutcome =
  | { readonly kind: 'placed'; readonly bytes: number }
  /** The object no longer exists. */
  | { readonly kind: 'absent' }
  /** The object is the mirrored version. */
  | { readonly kind: 'same' }
  | { readonly kind: 'problem'; readonly problem: MirrorProblem };

/** Recorded state of a path before it is fetched. */
export interface KnownPath {
  readonly entry: MirrorEntry | null;
  readonly isIntact: boolean;
  /** Parent directories that may be missing and that no other step creates. */
  readonly newDirectories: readonly string[];
}

/** Dependencies of `ObjectFetches`. */
export interface FetchServices {
  readonly vault: ObjectFetcher;
  readonly clock: Clock;
  readonly slots: Semaphore;
  readonly observations: KeyObservations;
  readonly settings: () => MirrorSettings;
}

/** Current target of a prefix on disk. */
export interface MirrorTarget {
  readonly disk: MirrorDisk;
  readonly committer: Committer;
  readonly space: DiskSpace;
}

/** Max attempts at an object that is replaced while it is read. */
const attemptsAtChanging = 3;

const syncedAloneBytes = 4 * 1024 * 1024;

/** Objects above this size in bytes use a connection, S3 and the disk for longer than a request's latency. */
const bulkBytes = 8 * 1024 * 1024;
/**
 * Parallel streams of large objects that use the network and the disk fully. More would slow each other down.
 */
const bulkStreams = 8;

/** Returns how many request slots one stream of an object occupies. */
function slotsOf(listed: ListedFile | null, { parallelFetches }: MirrorSettings): number {
  // An object that was not listed is requested as a range, because its size is unknown.
  const isBulk = listed !== null && listed.size > bulkBytes;
  return isBulk ? Math.max(1, Math.floor(parallelFetches / bulkStreams)) : 1;
}

class SameObject extends Error {}
class NotEnoughSpace extends Error {}

/** Fetches objects of one prefix to their files, and remembers failures. */
export class ObjectFetches {
  readonly failures = new Failures();
  readonly #services: FetchServices;
  readonly #prefix: MirrorPrefix;
  readonly #likely: LikelyAccess;

  constructor(services: FetchServices, prefix: MirrorPrefix, likely: LikelyAccess) {
    this.#services = services;
    this.#prefix = prefix;
    this.#likely = likely;
  }

  /**
   * Fetches and places one object. `listed` is null if the object was not listed; nothing is fetched then
   * if the file is intact (`isIntact`) and `entry` matches S3. Throws `cancelled` and the faults of the
   * database.
   */
  async fetch(
    call: Call,
    target: MirrorTarget,
    path: string,
    listed: ListedFile | null,
    known: KnownPath,
  ): Promise<FetchOutcome> {
    const { slots } = this.#services;
    const settings = this.#services.settings();
    const { rangeBytes, parallelRanges } = settings;
    const needed = slotsOf(listed, settings);
    const release = await slots.acquire(needed, call.signal);
    let claim: (() => void) | null = null;
    let seen: ListedFile = listed ?? { etag: '', size: 0, lastModifiedMs: 0 };
    try {
      if (listed !== null) {
        claim = await target.space.claim(listed.size);
        if (claim === null) return notEnoughSpace(path, listed.size);
      }
      const readMs = this.#services.clock.nowMs();
      for (let attempt = 1; ; attempt += 1) {
        try {
          const request = {
            ref: this.#refOf(path),
            likely: this.#likely.guess(known.entry?.object?.fingerprint),
            keys: this.#likely.keys,
            expectedSize: listed?.size ?? rangeBytes + 1,
            rangeBytes,
            parallelRanges,
            spare: () => slots.tryAcquire(needed),
          };
          const fetched = await fetchToStaging(
            this.#services.vault,
            call,
            request,
            target.disk,
            async (info) => {
              seen = { etag: plainEtag(info.etag), size: info.size, lastModifiedMs: info.lastModifiedMs };
              if (listed === null && known.isIntact && isMirrored(seen, known.entry)) throw new SameObject();
              claim ??= await target.space.claim(info.size);
              if (claim === null) throw new NotEnoughSpace();
            },
          );
          if (fetched === null) return { kind: 'absent' };
          // Releases the slot, so that others can fetch during the wait for the disk.
          release();
          // A large file takes a while to sync. Syncing it here keeps the group of steps that it joins from
          // waiting.
          if (!fetched.file.isOnDisk && fetched.object.info.size > syncedAloneBytes)
            await target.disk.tools.sync.large(fetched.file.path);
          const placed = await this.#place(target, path, fetched, known);
          this.#observe(path, fetched, readMs);
          return placed;
        } catch (error) {
          if (isFault(error, 'conflict') && attempt < attemptsAtChanging) continue;
          throw error;
        }
      }
    } catch (error) {
      if (error instanceof SameObject) return { kind: 'same' };
      return await this.#failed(target, path, seen, known.entry, error);
    } finally {
      claim?.();
      release();
    }
  }

  async #place(
    { committer, disk }: MirrorTarget,
    path: string,
    { object, file }: FetchedFile,
    { entry: previous, newDirectories }: KnownPath,
  ): Promise<FetchOutcome> {
    const { info, access } = object;
    this.#likely.opened(access);
    const entry: MirrorEntry = {
      path,
      object: {
        etag: plainEtag(info.etag),
        size: info.size,
        lastModifiedMs: info.lastModifiedMs,
        fingerprint: fingerprintOf(access),
      },
      stamp: file.stamp,
      refusal: null,
    };
    try {
      await committer.commit({ kind: 'place', file, entry, previous, newDirectories });
    } catch (error) {
      await disk.staging.discard(file.path);
      throw placementFault(error);
    }
    this.failures.forget(path);
    return { kind: 'placed', bytes: info.size };
  }

  #observe(path: string, { object: { info, access, checksum } }: FetchedFile, readMs: number): void {
    if (access.kind !== 'sse-c') return;
    const { fingerprint, md5Base64 } = access.key;
    this.#services.observations.opened({
      ref: this.#refOf(path),
      sealedWith: { kind: 'sse-c', fingerprint, keyMd5Base64: md5Base64 },
      size: info.size,
      checksum,
      etag: info.etag,
      versionId: info.versionId,
      readMs,
    });
  }

  /** Records that the object of this entry is gone from S3. */
  removed(path: string, entry: MirrorEntry): void {
    if (entry.object === null || entry.object.fingerprint === null) return;
    this.#services.observations.removed(this.#refOf(path), `"${entry.object.etag}"`);
  }

  #refOf(path: string): ObjectRef {
    return { bucket: this.#prefix.bucket, key: this.#prefix.prefix + path };
  }

  async #failed(
    target: MirrorTarget,
    path: string,
    seen: ListedFile,
    entry: MirrorEntry | null,
    error: unknown,
  ): Promise<FetchOutcome> {
    if (isFault(error, 'cancelled')) throw error;
    if (error instanceof NotEnoughSpace) return notEnoughSpace(path, seen.size);
    if (hasCode(error, 'ENOSPC', 'EDQUOT')) {
      target.space.distrust();
      return notEnoughSpace(path, seen.size);
    }
    if (isFault(error, 'key-missing', 'key-mismatch')) return this.#refused(target, path, seen, entry);
    const kind: MirrorProblemKind = isFault(error, 'corrupt')
      ? 'corrupt'
      : isFault(error, 'exists')
        ? 'in-the-way'
        : 'failed';
    const problem: MirrorProblem = { kind, path, size: seen.size, text: textOf(error) };
    this.failures.record(path, seen.etag, problem, this.#services.clock.nowMs());
    return { kind: 'problem', problem };
  }

  /** Records the refusal, so that neither the next pass nor the next process tries the same keys again. */
  async #refused(
    { committer }: MirrorTarget,
    path: string,
    { etag, size, lastModifiedMs }: ListedFile,
    entry: MirrorEntry | null,
  ): Promise<FetchOutcome> {
    const tried = this.#likely.keys.map((key) => key.fingerprint);
    const problem: MirrorProblem = { kind: 'no-key', path, size, text: describeMissingKey(tried) };
    if (etag !== '') {
      const recorded: MirrorEntry = {
        path,
        object: entry?.object ?? null,
        stamp: entry?.stamp ?? null,
        refusal: { etag, size, lastModifiedMs, tried },
      };
      await committer.commit({ kind: 'record', entry: recorded });
    }
    return { kind: 'problem', problem };
  }
}

function isMirrored(seen: ListedFile, entry: MirrorEntry | null): boolean {
  return entry?.object?.etag === seen.etag && entry.object.lastModifiedMs === seen.lastModifiedMs;
}

function notEnoughSpace(path: string, size: number): FetchOutcome {
  const text = `its ${size} bytes do not fit on the disk above the reserve (mirror.reserve)`;
  return { kind: 'problem', problem: { kind: 'no-room', path, size, text } };
}

/** Converts a conflict on disk into `exists`: it does not concern the version in S3. */
function placementFault(error: unknown): unknown {
  return isFault(error, 'conflict') ? new Fault('exists', error.hint, { cause: error }) : error;
}

function textOf(error: unknown): string {
  return error instanceof Fault ? error.hint : describeDiskError(error);
}

/** Describes an error of the file system for people. */
export function describeDiskError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code === '' ? 'internal error; see the log' : `disk error (${code})`;
}
