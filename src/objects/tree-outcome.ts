import type { ObjectRef } from '../model/object-store.js';

/** What came of one object or file of a tree. */
export type TreeOutcome =
  | { readonly kind: 'done' | 'unchanged'; readonly from: string; readonly to: string | null }
  /** It was left as it is. The others went on. */
  | { readonly kind: 'failed'; readonly name: string; readonly error: unknown };

/** Hears of the bytes of one object. */
export interface TransferProgress {
  /** Its size, once it is known; null when nobody knows it. */
  begin(size: number | null): void;
  /** Bytes that have come or gone. */
  took(bytes: number): void;
}

/** Hears how work on a tree goes on. */
export interface TreeWatcher {
  /** Bytes that have come or gone. */
  took(bytes: number): void;
  settled(outcome: TreeOutcome): void;
}

/** `a/` for `a`: a tree is what is below a directory, not all whose names begin so. Empty stays empty: the whole bucket. */
export function treePrefix({ bucket, key }: ObjectRef): ObjectRef {
  return { bucket, key: key === '' || key.endsWith('/') ? key : `${key}/` };
}
