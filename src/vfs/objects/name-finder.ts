import { compareUtf8 } from '../../bytes/utf8-order.js';
import type { Call } from '../../model/call.js';
import type { ListedObject, ObjectRef } from '../../model/object-store.js';
import { directoryOf } from './listed-names.js';
import { lastOf } from './listed-page.js';
import type { ObjectLookupServices } from './prefix.js';

/** The object and the directory that S3 has under a name. */
export interface FoundName {
  readonly object: ListedObject | null;
  /** Whether anything is below the name as a directory. */
  readonly isDirectory: boolean;
}

/** Max names of a listing for one of them: `a` is listed before `a-1`, and that before `a/`. */
const fewKeys = 10;

/**
 * Finds out whether a name is a file, a directory or neither, with one list request or none. If clients ask for
 * several names of a directory, the directory is listed, and the answer counts for as long as `ListedNames`
 * remembers it.
 */
export class NameFinder {
  readonly #services: ObjectLookupServices;
  readonly #sinceMs: number;

  /** Uses no listing from before `sinceMs`, the login of the session. */
  constructor(services: ObjectLookupServices, sinceMs: number) {
    this.#services = services;
    this.#sinceMs = sinceMs;
  }

  /** Returns what is known about the name without a request, or null. */
  known(ref: ObjectRef): FoundName | null {
    const { listedNames } = this.#services;
    const object = listedNames.object(ref, this.#sinceMs);
    const isDirectory = object === undefined ? undefined : listedNames.isDirectory(ref, this.#sinceMs);
    return object === undefined || isDirectory === undefined ? null : { object, isDirectory };
  }

  /** Finds the object of a file, and what is below its key as a directory. */
  async find(call: Call, ref: ObjectRef): Promise<FoundName> {
    const { listedNames, listingDemand } = this.#services;
    const directory = `${ref.bucket}/${directoryOf(ref.key)}`;
    const isListed = listedNames.isListed(ref, this.#sinceMs);
    const known = this.known(ref);
    if (known !== null) {
      if (isListed) listingDemand.answered(directory);
      return known;
    }
    // A name that this process has changed since is not worth another listing.
    if (listedNames.lifetimeMs > 0 && !isListed && listingDemand.missed(directory)) {
      await this.#listDirectory(call, ref);
      const listed = this.known(ref);
      if (listed !== null) return listed;
    }
    return await this.#listName(call, ref);
  }

  /** Lists the first names of the directory, or in a large one those around this name. */
  async #listDirectory(call: Call, ref: ObjectRef): Promise<void> {
    const { bucket, key } = ref;
    const prefix = directoryOf(key);
    const near = this.#services.listedNames.isLarge(ref) ? withoutLast(key) : prefix;
    const after = near === prefix ? {} : { startAfter: near };
    await this.#services.store.list(call, { bucket, prefix, delimiter: '/', ...after });
  }

  async #listName(call: Call, { bucket, key }: ObjectRef): Promise<FoundName> {
    const { store, directoryCache } = this.#services;
    const directory = `${key}/`;
    const page = await store.list(call, { bucket, prefix: key, delimiter: '/', maxKeys: fewKeys });
    const object = page.objects.find((each) => each.key === key) ?? null;
    if (page.prefixes.includes(directory)) return { object, isDirectory: true };
    const isPassed = page.continuation === null || compareUtf8(lastOf(page) ?? '', directory) > 0;
    const below = isPassed
      ? null
      : await store.list(call, { bucket, prefix: directory, delimiter: '/', maxKeys: 2 });
    if (below !== null && below.objects.length + below.prefixes.length > 0)
      return { object, isDirectory: true };
    directoryCache.addAbsent(bucket, directory);
    return { object, isDirectory: false };
  }
}

/** Returns the key without its last character, which sorts before every key that begins like it. */
function withoutLast(key: string): string {
  return [...key].slice(0, -1).join('');
}
