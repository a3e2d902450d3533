import type { Clock, Entropy, Logger } from '../model/call.js';
import type { ObservedObjects } from '../model/ledger.js';
import type { MirrorPass, MirrorSources, MirrorState } from '../model/mirror.js';
import type { ObjectStore } from '../model/object-store.js';
import type { ObjectFetcher, Vault } from '../vault/vault.js';

/** Settings that may change while the mirror runs. Sizes in bytes, times in milliseconds. */
export interface MirrorSettings {
  /** Max wait between two passes over a quiet prefix without events. */
  readonly intervalMs: number;
  /** Wait after a pass that found a change, because changes tend to cluster. It grows to `intervalMs`. */
  readonly busyIntervalMs: number;
  /** Wait between passes while events report changes. */
  readonly eventIntervalMs: number;
  /**
   * Max wait until a change is found below a prefix that has not changed for some minutes, and whose user is not
   * logged in.
   */
  readonly idleIntervalMs: number;
  /** Max lists per minute of such prefixes, for all of them together. */
  readonly idleRequestsPerMinute: number;
  /** Free disk space that the mirror does not use. */
  readonly reserveBytes: number;
  /** Max parallel requests for objects, for all prefixes together. */
  readonly parallelFetches: number;
  /** Max ranges of one large object fetched in parallel. */
  readonly parallelRanges: number;
  /** Larger objects are fetched in ranges of this size. */
  readonly rangeBytes: number;
  /** Max prefixes compared in parallel. */
  readonly parallelPasses: number;
  /** An empty listing is accepted at once if at most this many files were mirrored. */
  readonly emptyBelievedFiles: number;
  /** Max problems of a prefix kept for display. All are counted. */
  readonly keptProblems: number;
}

const mebibyte = 1024 ** 2;

/** Defaults of the settings. */
export const defaultMirrorSettings: MirrorSettings = {
  intervalMs: 10_000,
  busyIntervalMs: 2_000,
  eventIntervalMs: 300_000,
  idleIntervalMs: 300_000,
  idleRequestsPerMinute: 300,
  reserveBytes: 1024 * mebibyte,
  parallelFetches: 32,
  parallelRanges: 4,
  // Each range costs one request. Measured with Ceph: docs/performance/mirror.md.
  rangeBytes: 32 * mebibyte,
  parallelPasses: 4,
  emptyBelievedFiles: 10,
  keptProblems: 100,
};

/** Parts of the vault that the mirror uses: fetching, and removal for users. */
export type MirrorVault = ObjectFetcher & Pick<Vault, 'remove'>;

/** Dependencies and settings of the mirror. */
export interface MirrorOptions {
  readonly sources: MirrorSources;
  readonly store: ObjectStore;
  readonly vault: MirrorVault;
  readonly state: MirrorState;
  /** Receives the key that opened each object. */
  readonly observed?: ObservedObjects;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Logger;
  /** Called at each use; missing values get defaults. Bounds on parallelism are read only at the start. */
  readonly settings?: () => Partial<MirrorSettings>;
  /** Called before each durable step. Tests end the process there. */
  readonly checkpoint?: (step: string) => Promise<void>;
  /** Reports whether events for this bucket currently arrive. */
  readonly hasEvents?: (bucket: string) => boolean;
  /** Called after each pass that has fetched or removed files. */
  readonly changed?: (prefix: string, pass: MirrorPass) => void;
}
