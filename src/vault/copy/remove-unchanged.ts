import type { Call } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import { findListed } from '../../model/list-pages.js';
import { isSameEtag, type ObjectRef, type ObjectStore } from '../../model/object-store.js';

/**
 * Removes the object with this ETag; does nothing if there is no object. Throws `conflict` if another object
 * is there. If S3 cannot compare ETags (If-Match of DeleteObject), compares a listing right before. That
 * leaves a short race with other clients; within this process, the caller's lock prevents it.
 */
export async function removeUnchanged(
  store: Pick<ObjectStore, 'remove' | 'list'>,
  call: Call,
  ref: ObjectRef,
  etag: string,
): Promise<void> {
  try {
    await store.remove(call, ref, { ifMatch: etag });
  } catch (error) {
    if (!isFault(error, 'unsupported')) throw error;
    const found = await findListed(store, call, ref);
    if (found === null) return;
    if (!isSameEtag(found.etag, etag))
      throw new Fault('conflict', 'the object was replaced by another client');
    await store.remove(call, ref);
  }
}
