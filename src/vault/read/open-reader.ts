import type { KeyedMutex } from '../../concurrency/keyed-mutex.js';
import type { Call, Clock } from '../../model/call.js';
import { checksumText } from '../../model/checksum.js';
import type { CustomerKey } from '../../model/customer-key.js';
import type { ReadAccess } from '../../model/encryption.js';
import { Fault, isFault } from '../../model/fault.js';
import type { KeyLedger, LedgerRow } from '../../model/ledger.js';
import type { ObjectBody, ObjectInfo, ObjectRef, ObjectStore } from '../../model/object-store.js';
import { openWithKeys } from '../access.js';
import type { RekeyedObjects } from '../copy/rekeyed-objects.js';
import type { VaultLimits } from '../limits.js';
import { mtimeOf, rowOf } from '../mtime.js';
import { FetchedRange } from './fetched-range.js';
import { firstRangeBytes, RangeReader, type ReaderBounds } from './object-reader.js';
import { RangeSource } from './range-source.js';
import type { ReadMemory } from './read-memory.js';
import { WholeCheck } from './whole-check.js';

/** Services that all readers of a vault share. */
export interface ReadServices {
  readonly store: ObjectStore;
  readonly ledger: KeyLedger;
  readonly clock: Clock;
  readonly limits: ReaderBounds & Pick<VaultLimits, 'resumeTimeMs'>;
  readonly readMemory: ReadMemory;
  readonly locks: KeyedMutex<ObjectRef>;
  readonly rekeyed: RekeyedObjects;
}

interface OpenedObject {
  readonly info: ObjectInfo;
  readonly body: ObjectBody | null;
}

/**
 * Opens an object with a GET of its first range, which returns all that a HEAD would. The first byte takes
 * one round trip, and a small file needs no other request. Returns null if there is no such object.
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
  // The body continues after the open has been answered, so it needs its own signal.
  const own: Call = { id: call.id, log: call.log, signal: cancel.signal };
  const firstEnd = Math.min(firstRangeBytes, limits.rangeBytes);
  const unwatch = services.rekeyed.watch(ref);
  let isOpen = false;
  try {
    const opened = await openWithKeys(ledger, ref, keys, (access) =>
      openFirstRange(store, own, ref, access, firstEnd),
    );
    if (opened === null) return null;
    const { info, body } = opened.value;
    noteOpened(call, ref, opened.access, info);
    const object = { ref, access: opened.access, etag: info.etag };
    // The lock waits for a copy that is in progress.
    const source = new RangeSource({ store, clock, maxIdleMs: limits.resumeTimeMs }, call, object, (before) =>
      services.locks.runExclusive([ref], async () => services.rekeyed.after(ref, before)),
    );
    const check = checkFor(ref, info, opened.candidates);
    const range = new FetchedRange(0, Math.min(firstEnd, info.size), check?.sum ?? null, cancel);
    const reader: RangeReader = new RangeReader(
      source,
      readMemory,
      limits,
      {
        info,
        mtimeSeconds: mtimeOf(info, opened.candidates),
        first: body === null ? null : { range, body },
        check,
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

function noteOpened(call: Call, ref: ObjectRef, access: ReadAccess, info: ObjectInfo): void {
  const { versionId, checksum, size } = info;
  call.note?.({
    ...ref,
    versionId,
    size,
    keyId: access.kind === 'sse-c' ? access.key.fingerprint : null,
    ...(checksum === null ? {} : { checksum: checksumText(checksum) }),
  });
}

/**
 * Returns the check of the whole object against the ledger, or null if it does not know the checksum. Throws
 * `corrupt` if S3 reports another size.
 */
function checkFor(ref: ObjectRef, info: ObjectInfo, candidates: readonly LedgerRow[]): WholeCheck | null {
  const known = rowOf(info, candidates)?.confirmation;
  if (known === undefined || known === null) return null;
  if (known.size !== info.size) {
    throw new Fault(
      'corrupt',
      `S3 reports ${info.size} bytes for ${ref.key}, and ${known.size} were uploaded`,
    );
  }
  return known.checksum === null ? null : new WholeCheck(known.checksum, info.size);
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
    // S3 answers 416 InvalidRange to any range of an empty object.
    if (!isFault(error, 'invalid')) throw error;
    const info = await store.head(call, ref, access);
    if (info === null) return null;
    if (info.size > 0) throw error;
    return { info, body: null };
  }
}
