import type { Call } from '../../model/call.js';
import type { ListedFile, MirrorPrefix } from '../../model/mirror.js';
import type { ListedObject, ListPage, ObjectStore } from '../../model/object-store.js';
import { ListingDigest } from '../idle/listing-digest.js';
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
  /** Returns the digest of the listing, or null before its last page has been read. */
  digest(): string | null;
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
  let digest: string | null = null;
  const done = (whole: ListingDigest) => {
    digest = whole.finish();
  };
  return {
    isEmpty: first.objects.length === 0 && first.continuation === null,
    pages: readAhead(pagesFrom(first, store, call, prefix, done), pagesAhead),
    digest: () => digest,
  };
}

async function* pagesFrom(
  first: ListPage,
  store: ObjectStore,
  call: Call,
  prefix: MirrorPrefix,
  done: (digest: ListingDigest) => void,
): AsyncGenerator<readonly ListedPath[]> {
  const digest = new ListingDigest();
  for (let current = first; ; ) {
    const paths = below(prefix.prefix, current.objects);
    for (const { path, file } of paths) digest.add(path, file);
    yield paths;
    if (current.continuation === null) break;
    current = await page(store, call, prefix, current.continuation);
  }
  done(digest);
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

export function listedFile({ etag, size, lastModifiedMs }: ListedObject): ListedFile {
  return { etag: plainEtag(etag), size, lastModifiedMs };
}
