import type { MirrorPrefixStatus, MirrorProgress } from './mirror.js';

/** What happens while passes run that somebody asked for. */
export type MirrorRunEvent =
  /** Null while the pass waits for another one to end. */
  | { readonly kind: 'progress'; readonly name: string; readonly progress: MirrorProgress | null }
  /** The pass is over; how it ended is its `lastPass`. */
  | { readonly kind: 'done'; readonly status: MirrorPrefixStatus };

/** What only the process knows that follows a prefix. */
export interface LiveMirrorStatus {
  readonly status: MirrorPrefixStatus;
  /** Of the pass under way; null between passes. */
  readonly progress: MirrorProgress | null;
  /** Keys that events named and that were not looked at yet. */
  readonly waitingEvents: number;
  /** How long ago the directory was last known to be what S3 holds; null when it never was. */
  readonly lagMs: number | null;
}

/** Runs passes for whoever asks: the mirror of this process, or that of the gateway. */
export interface MirrorRuns {
  /**
   * One pass over each of these prefixes (null: over all), one after the other. Throws `not-found` for a name that is not
   * mirrored, before anything is done, and `cancelled`.
   */
  run(names: readonly string[] | null, report: (event: MirrorRunEvent) => void): Promise<void>;
  liveStatus(): Promise<readonly LiveMirrorStatus[]>;
}
