import type { MirrorPrefixStatus, MirrorProgress } from './mirror.js';

/** An event of requested passes. */
export type MirrorRunEvent =
  /** Null while the pass waits for another one to end. */
  | { readonly kind: 'progress'; readonly name: string; readonly progress: MirrorProgress | null }
  /** The pass has ended; its result is `lastPass`. */
  | { readonly kind: 'done'; readonly status: MirrorPrefixStatus };

/** The status that only the process which follows a prefix has. */
export interface LiveMirrorStatus {
  readonly status: MirrorPrefixStatus;
  /** Progress of the current pass; null between passes. */
  readonly progress: MirrorProgress | null;
  /** Number of keys that events named and that were not checked yet. */
  readonly waitingEvents: number;
  /** Time since the directory was last known to equal S3; null if it never was. */
  readonly lagMs: number | null;
  /** True if the lag is longer than the settings promise. */
  readonly isBehind: boolean;
}

/** Runs passes on request, in this process or in the gateway. */
export interface MirrorRuns {
  /**
   * Runs one pass over each of these prefixes (null: over all), one after the other. Throws
   * `cancelled`, and `not-found` before the first pass for a name that is not mirrored.
   */
  run(names: readonly string[] | null, report: (event: MirrorRunEvent) => void): Promise<void>;
  liveStatus(): Promise<readonly LiveMirrorStatus[]>;
}
