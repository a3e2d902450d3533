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
import type { Observations } from './observations.js';
import type { MirrorSettings } from './options.js';
import { plainEtag } from './plan/listing.js';
import { noKeyText } from './plan/planner.js';

export type FetchOutcome =
  | { readonly kind: 'placed'; readonly bytes: number }
  /** There is no such object any more. */
  | { readonly kind: 'absent' }
  /** It is what was mirrored. */
  | { readonly kind: 'same' }
  | { readonly kind: 'problem'; readonly problem: MirrorProblem };

/** What is known of a path before it is fetched. */
export interface KnownPath {
  readonly entry: MirrorEntry | null;
  readonly isIntact: boolean;
  /** Directories above that may have to be made, when no step of their own makes them. */
  readonly newDirectories: readonly string[];
}

export interface FetchServices {
  readonly vault: ObjectFetcher;
  readonly clock: Clock;
  readonly slots: Semaphore;
  readonly observations: Observations;
  readonly settings: () => MirrorSettings;
}

/** Where a prefix is mirrored to at the moment. */
export interface MirrorTarget {
  readonly disk: MirrorDisk;
  readonly committer: Committer;
  readonly space: DiskSpace;
}

/** A version that is replaced while it is read is given up for its successor, so often. */
const attemptsAtChanging = 3;

const syncedAloneBytes = 4 * 1024 * 1024;

/** What is larger keeps a connection, S3 and the disk busy for longer than a request takes to be answered. */
const bulkBytes = 8 * 1024 * 1024;
/** So many such streams at once are enough for the network and the disk; more get in each other's way. */
const bulkStreams = 8;

/** How many of the places for requests one stream of an object takes. */
function slotsOf(listed: ListedFile | null, { parallelFetches }: MirrorSettings): number {
  // What was not listed is asked for as a range: its size is not known yet.
  const isBulk = listed !== null && listed.size > bulkBytes;
  return isBulk ? Math.max(1, Math.floor(parallelFetches / bulkStreams)) : 1;
}

class SameObject extends Error {}
class NotEnoughSpace extends Error {}

/** Brings objects of one prefix to their places, and remembers what did not work. */
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
   * Fetches and places one object. `listed` is what is known of its size: null when it was not listed, and then `entry` being
   * still right means that there is nothing to do (`isIntact`). Throws `cancelled` and faults of the database.
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
          // Others fetch while this one waits for the disk.
          release();
          // A large file's bytes take a while to the disk; the group of steps that it joins should not wait for them.
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

  /** The object of this entry is gone from S3. */
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

  /** Noted with the state, so that the next pass and the next process do not try the same keys again. */
  async #refused(
    { committer }: MirrorTarget,
    path: string,
    { etag, size, lastModifiedMs }: ListedFile,
    entry: MirrorEntry | null,
  ): Promise<FetchOutcome> {
    const tried = this.#likely.keys.map((key) => key.fingerprint);
    const problem: MirrorProblem = { kind: 'no-key', path, size, text: noKeyText(tried) };
    if (etag !== '') {
      const recorded: MirrorEntry = {
        path,
        object: entry?.object ?? null,
        stamp: entry?.stamp ?? null,
        refusal: { etag, size, lastModifiedMs, tried },
      };
      await committer.commit({ kind: 'note', entry: recorded });
    }
    return { kind: 'problem', problem };
  }
}

function isMirrored(seen: ListedFile, entry: MirrorEntry | null): boolean {
  return entry?.object?.etag === seen.etag && entry.object.lastModifiedMs === seen.lastModifiedMs;
}

function notEnoughSpace(path: string, size: number): FetchOutcome {
  const text = `it has ${size} bytes, and the disk has no room for them beside the reserve (mirror.reserve)`;
  return { kind: 'problem', problem: { kind: 'no-room', path, size, text } };
}

/** What is in the way on disk is no matter of another version. */
function placementFault(error: unknown): unknown {
  return isFault(error, 'conflict') ? new Fault('exists', error.hint, { cause: error }) : error;
}

function textOf(error: unknown): string {
  return error instanceof Fault ? error.hint : diskText(error);
}

/** What the file system said, for a person. */
export function diskText(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return code === '' ? 'an internal error; the log names it' : `the disk answers with an error (${code})`;
}
