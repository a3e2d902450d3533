import type { Call } from '../../model/call.js';
import type { ListedFile, MirrorPrefix } from '../../model/mirror.js';
import type { ListedObject, ListPage, ObjectStore } from '../../model/object-store.js';
import { readAhead } from '../read-ahead.js';
import type { ListedPath } from './planner.js';

/** Returns an ETag without quotes, which some servers omit in some answers. */
export function plainEtag(etag: string): string {
  return etag.replaceAll('"', '');
}

/** A listing whose first page has arrived, so that it can be checked before anything is done. */
export interface StartedListing {
  /** True if nothing is listed, not even a marker of the prefix itself. */
  readonly isEmpty: boolean;
  readonly pages: AsyncIterable<readonly ListedPath[]>;
}

/** Pages requested ahead, so that S3 prepares them while one is processed. */
const pagesAhead = 2;

/** Starts the listing of a prefix. Throws the store's faults. */
export async function startListing(
  store: ObjectStore,
  call: Call,
  prefix: MirrorPrefix,
): Promise<StartedListing> {
  const first = await page(store, call, prefix, null);
  return {
    isEmpty: first.objects.length === 0 && first.continuation === null,
    pages: readAhead(pagesFrom(first, store, call, prefix), pagesAhead),
  };
}

async function* pagesFrom(
  first: ListPage,
  store: ObjectStore,
  call: Call,
  prefix: MirrorPrefix,
): AsyncGenerator<readonly ListedPath[]> {
  let current = first;
  yield below(prefix.prefix, current.objects);
  while (current.continuation !== null) {
    current = await page(store, call, prefix, current.continuation);
    yield below(prefix.prefix, current.objects);
  }
}

function page(
  store: ObjectStore,
  call: Call,
  { bucket, prefix }: MirrorPrefix,
  continuation: string | null,
): Promise<ListPage> {
  return store.list(call, {
    bucket,
    prefix,
    delimiter: null,
    ...(continuation === null ? {} : { continuation }),
  });
}

/** Skips the marker of the prefix itself, which stands for the mirrored directory. */
function below(prefix: string, objects: readonly ListedObject[]): readonly ListedPath[] {
  const paths: ListedPath[] = [];
  for (const object of objects) {
    if (!object.key.startsWith(prefix) || object.key === prefix) continue;
    paths.push({ path: object.key.slice(prefix.length), file: listedFile(object) });
  }
  return paths;
}

function listedFile({ etag, size, lastModifiedMs }: ListedObject): ListedFile {
  return { etag: plainEtag(etag), size, lastModifiedMs };
}
