import type { Call } from '../../model/call.js';
import { isSameEtag } from '../../model/etag.js';
import { Fault, isFault } from '../../model/fault.js';
import { findListed } from '../../model/listing.js';
import type { ObjectRef, ObjectStore } from '../../model/object-store.js';

/**
 * Removes the object that has this ETag; `conflict` when another is there. Absence is no fault. Where S3 cannot compare
 * (If-Match of DeleteObject), a listing is compared just before: against other programs that leaves a moment, against this process
 * the caller's lock has to help.
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
    if (!isSameEtag(found.etag, etag)) throw new Fault('conflict', 'another object is there by now');
    await store.remove(call, ref);
  }
}
