import type { Call } from '../../model/call.js';
import type { Confirmation } from '../../model/ledger.js';
import { isSameEtag, type ListedObject, type ListPage } from '../../model/object-store.js';
import type { Attributes, DirectoryEntry } from '../../model/vfs.js';
import { directoryAttributes, fileAttributes } from './attributes.js';
import { lastOf } from './listed-page.js';
import { isUsableName } from './location.js';
import type { ObjectPrefix } from './prefix.js';

const maxReported = 10_000;

/**
 * Lists one directory of a prefix, one page of S3's listing at a time. The next page is fetched while the
 * last one is used.
 */
export class ObjectListing {
  readonly #objects: ObjectPrefix;
  readonly #prefix: string;
  readonly #uploading: Map<string, Attributes>;
  readonly #clashes = new ClashFilter();
  #empty = true;

  /**
   * `uploading` are the uploads in progress to this directory, by name. They are listed with their current
   * size.
   */
  constructor(
    objects: ObjectPrefix,
    path: string,
    uploading: ReadonlyMap<string, Attributes> = new Map<string, Attributes>(),
  ) {
    this.#objects = objects;
    this.#prefix = objects.location.directory(path).key;
    this.#uploading = new Map(uploading);
  }

  /** True if the prefix had no objects, not even its marker. Valid once the batches have ended. */
  get foundNothing(): boolean {
    return this.#empty;
  }

  async *batches(call: Call): AsyncGenerator<readonly DirectoryEntry[]> {
    let page = await this.#page(call, null, undefined);
    let end: string | undefined;
    for (;;) {
      end = lastOf(page) ?? end;
      const next = page.continuation === null ? null : this.#page(call, page.continuation, end);
      // Not awaited if the client stops listing, so its fault must be handled here.
      next?.catch(() => undefined);
      if (page.objects.length > 0 || page.prefixes.length > 0) this.#empty = false;
      const entries = await this.#entries(call, page);
      if (entries.length > 0) yield entries;
      if (next === null) break;
      page = await next;
    }
    if (this.#uploading.size === 0) return;
    this.#empty = false;
    yield [...this.#uploading].map(([name, attributes]) => ({ name, attributes }));
  }

  /** `after` is the last key of the page before. */
  #page(call: Call, continuation: string | null, after: string | undefined): Promise<ListPage> {
    const request = {
      bucket: this.#objects.location.bucket,
      prefix: this.#prefix,
      delimiter: '/',
      ...(continuation === null ? {} : { continuation }),
    } as const;
    return this.#objects.services.store.list(call, request, after);
  }

  async #entries(call: Call, page: ListPage): Promise<readonly DirectoryEntry[]> {
    const { services, location } = this.#objects;
    const entries: DirectoryEntry[] = [];
    for (const prefix of page.prefixes) {
      const name = prefix.slice(this.#prefix.length, -1);
      if (!this.#isUsable(call, name, prefix)) continue;
      this.#uploading.delete(name);
      entries.push({ name, attributes: directoryAttributes(0) });
    }
    const files = this.#clashes.filter(page);
    const first = files.at(0);
    const last = files.at(-1);
    if (first === undefined || last === undefined) return entries;
    const within = { first: first.key, last: last.key };
    const known = await services.ledger.confirmedBelow(location.bucket, this.#prefix, within);
    for (const file of files) {
      if (file.key === this.#prefix) {
        services.directoryCache.add(location.bucket, this.#prefix, true);
        continue;
      }
      const name = file.key.slice(this.#prefix.length);
      if (!this.#isUsable(call, name, file.key)) continue;
      const uploading = this.#uploading.get(name);
      this.#uploading.delete(name);
      const attributes = uploading ?? fileAttributes(file.size, mtimeOf(file, known.get(file.key)));
      entries.push({ name, attributes });
    }
    return entries;
  }

  #isUsable(call: Call, name: string, key: string): boolean {
    if (isUsableName(name)) return true;
    const { reported } = this.#objects.services;
    const directory = `${this.#objects.location.bucket}/${this.#prefix}`;
    if (!reported.has(directory) && reported.size < maxReported) {
      reported.add(directory);
      call.log.warn('listing omits names that SFTP clients cannot request', {
        bucket: this.#objects.location.bucket,
        firstKey: JSON.stringify(key),
      });
    }
    return false;
  }
}

/**
 * Returns the ledger's time if the ledger describes this content, else S3's: another client may have replaced
 * the object.
 */
function mtimeOf(object: ListedObject, known: Confirmation | undefined): number {
  const own = isSameEtag(known?.etag, object.etag) ? known?.mtimeSeconds : null;
  return own ?? Math.floor(object.lastModifiedMs / 1000);
}

/**
 * Drops files whose name is also a directory. Other keys can sort between `d` and `d/` (`d-1`, `d.txt`), so
 * the file may come pages before the directory. It is held back until a page ends behind `d/`. Only keys that
 * begin with each other are held at the same time, so there are at most as many as a key has bytes.
 */
class ClashFilter {
  #held: ListedObject[] = [];

  filter(page: ListPage): readonly ListedObject[] {
    const directories = new Set(page.prefixes);
    const end = page.continuation === null ? null : lastOf(page);
    const files: ListedObject[] = [];
    const held: ListedObject[] = [];
    for (const object of this.#held.length === 0 ? page.objects : [...this.#held, ...page.objects]) {
      if (directories.has(`${object.key}/`)) continue;
      if (end !== null && mayPrecedeDirectory(object.key, end)) held.push(object);
      else files.push(object);
    }
    this.#held = held;
    return files;
  }
}

/**
 * Returns whether `key/` may follow on a later page. `end` is the page's last key, which is not before `key`.
 */
function mayPrecedeDirectory(key: string, end: string): boolean {
  return end === key || (end.startsWith(key) && end.charCodeAt(key.length) < 0x2f);
}
