import type { Call, Clock } from '../../model/call.js';
import type {
  ListedObject,
  ListPage,
  ListRequest,
  ObjectChange,
  ObjectChanges,
  ObjectRef,
  ObjectStore,
} from '../../model/object-store.js';
import { ListedPage } from './listed-page.js';

/** Lists objects, and may remember the answer. */
export interface NameLists {
  /** `after` is the last key of the page before, if the request continues a listing. */
  list(call: Call, request: ListRequest, after?: string): Promise<ListPage>;
}

interface Kept {
  readonly page: ListedPage;
  readonly group: string;
  /** Counts the requests, so that the newest answer wins. */
  readonly number: number;
  readonly fromMs: number;
  readonly untilMs: number;
  bytes: number;
}

/** Max memory of all pages in bytes. The oldest are forgotten first. */
const maxBytes = 16 * 1024 * 1024;

/**
 * The names that S3 has listed within the last seconds, for every session of the process. A page counts from
 * the time of its request, so a change by another client is seen after `lifetimeMs`, and at once by a session that
 * passes the time of its login as `sinceMs`. The process forgets each name that it changes itself when the change
 * ends, whatever its result. Pages that are requested before and answered later forget it too.
 */
export class ListedNames implements ObjectChanges {
  readonly #clock: Clock;
  readonly #lifetimeMs: number;
  readonly #maxBytes: number;
  /** Bucket and prefix -> pages, the oldest first. */
  readonly #groups = new Map<string, Kept[]>();
  /** All pages, the oldest first. */
  readonly #kept = new Set<Kept>();
  #bytes = 0;
  #requests = 0;
  #tell: (ref: ObjectRef, change: ObjectChange) => void = () => undefined;

  /** With `lifetimeMs` 0, nothing is remembered. */
  constructor(clock: Clock, lifetimeMs: number, bytes = maxBytes) {
    this.#clock = clock;
    this.#lifetimeMs = lifetimeMs;
    this.#maxBytes = bytes;
  }

  /** Time in milliseconds that an answer is remembered. */
  get lifetimeMs(): number {
    return this.#lifetimeMs;
  }

  /** The monotonic time, for `sinceMs`. */
  get nowMs(): number {
    return this.#clock.monotonicMs();
  }

  /** Estimated memory in bytes. */
  get byteLength(): number {
    return this.#bytes;
  }

  /** Returns lists of the store that are remembered if they list one directory. */
  over(store: Pick<ObjectStore, 'list'>): NameLists {
    return {
      list: async (call, request, after) => {
        const isKnownStart = request.continuation === undefined || after !== undefined;
        if (this.#lifetimeMs === 0 || request.delimiter === null || !isKnownStart)
          return await store.list(call, request);
        const kept = this.#begin(request, after ?? request.startAfter ?? null);
        try {
          const page = await store.list(call, request);
          kept.page.fill(page);
          this.#grow(kept);
          return page;
        } catch (error) {
          this.#drop(kept);
          throw error;
        }
      },
    };
  }

  /** Returns the object of exactly this key, null if there is none, or undefined if that is not known. */
  object(ref: ObjectRef, sinceMs = -Infinity): ListedObject | null | undefined {
    return this.#newest(ref, [directoryOf(ref.key), ref.key], sinceMs, (page) => page.object(ref.key));
  }

  /** Returns whether anything is below `key/`, or undefined if that is not known. `key` is that of a file. */
  isDirectory(ref: ObjectRef, sinceMs = -Infinity): boolean | undefined {
    const { key } = ref;
    return this.#newest(ref, [directoryOf(key), key, `${key}/`], sinceMs, (page) => page.isDirectory(key));
  }

  /** Returns whether a page of the directory contains the place of this name, even if the name has changed since. */
  isListed(ref: ObjectRef, sinceMs = -Infinity): boolean {
    const { key } = ref;
    const covers = (page: ListedPage) => (page.covers(key) && page.covers(`${key}/`) ? true : undefined);
    return this.#newest(ref, [directoryOf(key)], sinceMs, covers) ?? false;
  }

  /** Returns whether the name's directory is known to have more names than the first page of its listing. */
  isLarge(ref: ObjectRef): boolean {
    const isLarge = (page: ListedPage) => page.isFirstOfMany || undefined;
    return this.#newest(ref, [directoryOf(ref.key)], -Infinity, isLarge) ?? false;
  }

  changed(ref: ObjectRef, change: ObjectChange): void {
    this.learn(ref, change);
    this.#tell(ref, change);
  }

  /** Calls `tell` for each change that this process makes, for other processes that remember names. */
  share(tell: (ref: ObjectRef, change: ObjectChange) => void): void {
    this.#tell = tell;
  }

  /** Forgets a name that another process has changed. */
  learn({ bucket, key }: ObjectRef, change: ObjectChange): void {
    if (this.#kept.size === 0) return;
    for (const group of new Set([directoryOf(key), key])) this.#forget(bucket, group, key, change);
    for (let slash = key.indexOf('/'); slash !== -1; slash = key.indexOf('/', slash + 1)) {
      const name = key.slice(0, slash);
      for (const group of [directoryOf(name), name]) this.#forget(bucket, group, `${name}/`, change);
      for (const { page } of this.#groups.get(groupName(bucket, `${name}/`)) ?? []) page.forgetBelow(change);
    }
  }

  #forget(bucket: string, prefix: string, key: string, change: ObjectChange): void {
    const group = groupName(bucket, prefix);
    const pages = this.#groups.get(group);
    if (pages === undefined) return;
    for (const { page } of pages) page.forget(key, change);
    // The newest page decides, so that no older one may outlive it.
    if (pages.some(({ page }) => page.isOutdated)) for (const kept of [...pages]) this.#drop(kept);
  }

  #newest<T>(
    { bucket }: ObjectRef,
    prefixes: readonly string[],
    sinceMs: number,
    ask: (page: ListedPage) => T | undefined,
  ): T | undefined {
    const nowMs = this.#clock.monotonicMs();
    let newest: { readonly number: number; readonly answer: T } | null = null;
    for (const prefix of prefixes) {
      const pages = this.#groups.get(groupName(bucket, prefix)) ?? [];
      for (let index = pages.length - 1; index >= 0; index -= 1) {
        const kept = pages[index];
        if (kept === undefined || kept.untilMs <= nowMs || kept.fromMs < sinceMs) break;
        if (newest !== null && kept.number < newest.number) break;
        const answer = ask(kept.page);
        if (answer === undefined) continue;
        newest = { number: kept.number, answer };
        break;
      }
    }
    return newest?.answer;
  }

  #begin({ bucket, prefix }: ListRequest, after: string | null): Kept {
    const nowMs = this.#clock.monotonicMs();
    const page = new ListedPage(prefix, after);
    this.#requests += 1;
    const kept: Kept = {
      page,
      group: groupName(bucket, prefix),
      number: this.#requests,
      fromMs: nowMs,
      untilMs: nowMs + this.#lifetimeMs,
      bytes: 0,
    };
    for (const oldest of this.#kept) {
      if (oldest.untilMs > nowMs) break;
      this.#drop(oldest);
    }
    this.#kept.add(kept);
    const pages = this.#groups.get(kept.group);
    if (pages === undefined) this.#groups.set(kept.group, [kept]);
    else pages.push(kept);
    this.#grow(kept);
    return kept;
  }

  /** Counts the memory of a page, and forgets the oldest pages if there is too much. */
  #grow(kept: Kept): void {
    if (!this.#kept.has(kept)) return;
    const bytes = kept.page.byteLength;
    this.#bytes += bytes - kept.bytes;
    kept.bytes = bytes;
    for (const oldest of this.#kept) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#drop(oldest);
    }
  }

  #drop(kept: Kept): void {
    if (!this.#kept.delete(kept)) return;
    this.#bytes -= kept.bytes;
    const pages = this.#groups.get(kept.group) ?? [];
    const left = pages.filter((other) => other !== kept);
    if (left.length === 0) this.#groups.delete(kept.group);
    else this.#groups.set(kept.group, left);
  }
}

/** Returns the prefix of the directory that contains the name. */
export function directoryOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1);
}

/** Returns a unique name, because bucket names contain no slash. */
function groupName(bucket: string, prefix: string): string {
  return `${bucket}/${prefix}`;
}
