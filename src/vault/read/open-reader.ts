import type { RefLocks } from '../../concurrency/ref-locks.js';
import type { Call, Clock } from '../../model/call.js';
import type { CustomerKey } from '../../model/customer-key.js';
import type { ReadAccess } from '../../model/encryption.js';
import { isFault } from '../../model/fault.js';
import type { KeyLedger } from '../../model/ledger.js';
import type { ObjectBody, ObjectInfo, ObjectRef, ObjectStore } from '../../model/object-store.js';
import { openWithKeys } from '../access.js';
import type { Successors } from '../copy/successors.js';
import { mtimeOf } from '../mtime.js';
import { FetchedRange } from './fetched-range.js';
import { firstRangeBytes, RangeReader, type ReaderBounds } from './object-reader.js';
import { RangeSource } from './range-source.js';
import type { ReadMemory } from './read-memory.js';

export interface ReadServices {
  readonly store: ObjectStore;
  readonly ledger: KeyLedger;
  readonly clock: Clock;
  readonly limits: ReaderBounds;
  readonly readMemory: ReadMemory;
  readonly locks: RefLocks;
  readonly successors: Successors;
}

interface OpenedObject {
  readonly info: ObjectInfo;
  readonly body: ObjectBody | null;
}

/**
 * Opens an object with the GET of its first range, which answers everything that a HEAD would: one round trip until the
 * first byte, and for a small file the only one. Null when there is no such object.
 */
export async function openReader(
  services: ReadServices,
  call: Call,
  ref: ObjectRef,
  keys: readonly CustomerKey[],
  onEnd: (reader: RangeReader) => void,
): Promise<RangeReader | null> {
  const { store, ledger, clock, limits, readMemory } = services;
  const cancel = new AbortController();
  const cancelled = () => cancel.abort();
  if (call.signal.aborted) cancelled();
  call.signal.addEventListener('abort', cancelled, { once: true });
  // The body goes on after the open was answered, so it has a signal of its own.
  const own: Call = { id: call.id, log: call.log, signal: cancel.signal };
  const firstEnd = Math.min(firstRangeBytes, limits.rangeBytes);
  const unwatch = services.successors.watch(ref);
  let isOpen = false;
  try {
    const opened = await openWithKeys(ledger, ref, keys, (access) =>
      openFirstRange(store, own, ref, access, firstEnd),
    );
    if (opened === null) return null;
    const { info, body } = opened.value;
    const object = { ref, access: opened.access, etag: info.etag };
    // A copy that is under way is waited for.
    const source = new RangeSource(store, clock, call, object, (before) =>
      services.locks.alone([ref], async () => services.successors.after(ref, before)),
    );
    const range = new FetchedRange(0, Math.min(firstEnd, info.size), cancel);
    const reader: RangeReader = new RangeReader(
      source,
      readMemory,
      limits,
      {
        info,
        mtimeSeconds: mtimeOf(info, opened.candidates),
        first: body === null ? null : { range, body },
      },
      () => {
        unwatch();
        onEnd(reader);
      },
    );
    isOpen = true;
    return reader;
  } finally {
    if (!isOpen) unwatch();
    call.signal.removeEventListener('abort', cancelled);
  }
}

async function openFirstRange(
  store: ObjectStore,
  call: Call,
  ref: ObjectRef,
  access: ReadAccess,
  end: number,
): Promise<OpenedObject | null> {
  try {
    const body = await store.read(call, ref, access, { start: 0, end });
    return body && { info: body.info, body };
  } catch (error) {
    // No range begins within an empty object: 416 InvalidRange.
    if (!isFault(error, 'invalid')) throw error;
    const info = await store.head(call, ref, access);
    if (info === null) return null;
    if (info.size > 0) throw error;
    return { info, body: null };
  }
}
