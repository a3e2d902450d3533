import type { Clock, Entropy, Logger } from '../model/call.js';
import type { ObservedObjects } from '../model/ledger.js';
import type { MirrorSources, MirrorState } from '../model/mirror.js';
import type { ObjectStore } from '../model/object-store.js';
import type { ObjectFetcher, Vault } from '../vault/vault.js';

/** What may be changed while the mirror runs. Sizes in bytes, times in milliseconds. */
export interface MirrorSettings {
  /** The longest wait between two looks at a prefix in which little happens, and no events come. */
  readonly intervalMs: number;
  /** The wait right after something changed: what changes once often changes again. It grows to `intervalMs`. */
  readonly busyIntervalMs: number;
  /** The wait while events tell of changes. */
  readonly eventIntervalMs: number;
  /** Free space of a disk that is left alone. */
  readonly reserveBytes: number;
  /** Requests for objects on the way at once, of all prefixes together. */
  readonly parallelFetches: number;
  /** Ranges of one large object fetched side by side, at most. */
  readonly parallelRanges: number;
  /** An object that is larger is fetched in ranges of this size. */
  readonly rangeBytes: number;
  /** Prefixes that are compared at the same time. */
  readonly parallelPasses: number;
  /** A listing that is empty is believed at once when no more files than these were mirrored. */
  readonly emptyBelievedFiles: number;
  /** Problems of a prefix that are kept for a person; all are counted. */
  readonly keptProblems: number;
}

const mebibyte = 1024 ** 2;

export const defaultMirrorSettings: MirrorSettings = {
  intervalMs: 10_000,
  busyIntervalMs: 2_000,
  eventIntervalMs: 300_000,
  reserveBytes: 1024 * mebibyte,
  parallelFetches: 32,
  parallelRanges: 4,
  // Each range costs S3 a request. Measured at Ceph: docs/PERFORMANCE.md.
  rangeBytes: 32 * mebibyte,
  parallelPasses: 4,
  emptyBelievedFiles: 10,
  keptProblems: 100,
};

/** What the mirror needs of the vault: bytes, and the end of what a user removes. */
export type MirrorVault = ObjectFetcher & Pick<Vault, 'remove'>;

export interface MirrorOptions {
  readonly sources: MirrorSources;
  readonly store: ObjectStore;
  readonly vault: MirrorVault;
  readonly state: MirrorState;
  /** Told which key opened what. */
  readonly observed?: ObservedObjects;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly log: Logger;
  /** Asked at each use; what is not given has its default. Parallel numbers count from the start on. */
  readonly settings?: () => Partial<MirrorSettings>;
  /** Called before each step that survives a crash: tests end the process there. */
  readonly checkpoint?: (step: string) => Promise<void>;
  /** Whether events for this bucket arrive at the moment. */
  readonly hasEvents?: (bucket: string) => boolean;
}
