import type { Call } from '../model/call.js';
import type { LedgerRow } from '../model/ledger.js';
import { listPages } from '../model/list-pages.js';
import { isSameEtag, type ListedObject, type ObjectRef } from '../model/object-store.js';
import type { ObjectServices } from './services.js';

/** One object of a tree. */
export interface TreeObject {
  readonly ref: ObjectRef;
  /** Key relative to the prefix. */
  readonly name: string;
  readonly listed: ListedObject;
  /** The ledger's row, if it describes exactly this object. */
  readonly row: LedgerRow | null;
}

/** Yields every object below a prefix, page by page, with one query to the ledger per page. */
export async function* walkObjects(
  services: ObjectServices,
  call: Call,
  top: ObjectRef,
): AsyncGenerator<TreeObject> {
  const { bucket, key: prefix } = top;
  for await (const page of listPages(services.store, call, { bucket, prefix, delimiter: null })) {
    const keys = page.objects.map(({ key }) => key);
    const rows = await services.rows.currentOf(bucket, keys);
    for (const listed of page.objects) {
      const row = rows.get(listed.key) ?? null;
      const isThis = isSameEtag(row?.confirmation?.etag, listed.etag);
      yield {
        ref: { bucket, key: listed.key },
        name: listed.key.slice(prefix.length),
        listed,
        row: isThis ? row : null,
      };
    }
  }
}

/** Counts the objects and bytes below a prefix, for a progress bar. */
export async function measureObjects(
  services: ObjectServices,
  call: Call,
  { bucket, key: prefix }: ObjectRef,
): Promise<{ readonly files: number; readonly bytes: number }> {
  let files = 0;
  let bytes = 0;
  for await (const page of listPages(services.store, call, { bucket, prefix, delimiter: null })) {
    files += page.objects.length;
    for (const { size } of page.objects) bytes += size;
  }
  return { files, bytes };
}
