import type { ObjectRef } from '../model/object-store.js';

/** Outcome for one object or file of a tree. */
export type TreeOutcome =
  | { readonly kind: 'done' | 'unchanged'; readonly from: string; readonly to: string | null }
  /** The item was left unchanged, and the others continued. */
  | { readonly kind: 'failed'; readonly name: string; readonly error: unknown };

/** Receives the progress of one transfer. */
export interface TransferProgress {
  /** Called once with the size in bytes; null if it is unknown. */
  begin(size: number | null): void;
  /** Called with the number of bytes transferred since the last call. */
  took(bytes: number): void;
}

/** Receives the progress of an operation on a tree. */
export interface TreeWatcher {
  /** Called with the number of bytes transferred since the last call. */
  took(bytes: number): void;
  settled(outcome: TreeOutcome): void;
}

/**
 * Returns the prefix of a tree: `a/` for `a`, so that `ab` is not part of it. An empty key stays empty and
 * stands for the whole bucket.
 */
export function treePrefix({ bucket, key }: ObjectRef): ObjectRef {
  return { bucket, key: key === '' || key.endsWith('/') ? key : `${key}/` };
}
