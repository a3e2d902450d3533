import { forEachBounded } from '../../concurrency/bounded.js';
import { type Call, uncancellable } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import { listPages } from '../../model/list-pages.js';
import type { ListedObject, ObjectRef } from '../../model/object-store.js';
import { parentPath } from '../../model/path.js';
import { fitsKeyLimit } from '../objects/location.js';
import type { UploadContext } from './context.js';
import type { UploadDirectories } from './directories.js';

/** Parallel copies or removals of one rename. */
const parallel = 8;

/** An object and its copy. */
interface CopiedFile {
  readonly source: ListedObject;
  readonly copy: ObjectRef;
  /** Null if there is nothing to undo. */
  readonly copyEtag: string | null;
}

/**
 * Renames a directory with content to a name that does not exist or is an empty directory. S3 has no such
 * operation, so every object is copied with the user's current encryption. Once all copies exist, the
 * originals are removed. A fault before that is undone, so that nothing has changed. A later fault, or a
 * crash, leaves originals beside their copies, but never loses a file.
 */
export class TreeMove {
  readonly #context: UploadContext;
  readonly #directories: UploadDirectories;
  readonly #from: string;
  readonly #to: string;
  readonly #source: ObjectRef;
  readonly #target: ObjectRef;
  readonly #targetMarker: ListedObject | null;

  /** `targetMarker` is the empty marker of the target directory, null if the target does not exist. */
  constructor(
    context: UploadContext,
    directories: UploadDirectories,
    from: string,
    to: string,
    targetMarker: ListedObject | null,
  ) {
    this.#context = context;
    this.#directories = directories;
    this.#from = from;
    this.#to = to;
    this.#source = context.location.directory(from);
    this.#target = context.location.newDirectory(to);
    this.#targetMarker = targetMarker;
  }

  /**
   * Throws `unsupported` for more objects than `rename.limit`, `invalid` for a name that would be too long,
   * `not-found` if all objects were removed meanwhile, `conflict` if another client changes the source,
   * `exists` if another client writes to the target, and the faults of the vault.
   */
  async run(call: Call): Promise<void> {
    const { services } = this.#context;
    const { bucket } = this.#source;
    try {
      const copied = await this.#copyAll(call, await this.#list(call));
      // The rename continues if the client disconnects now, because half a rename would be worse.
      const finishing = uncancellable(call);
      await this.#directories.preserve(finishing, parentPath(this.#from), this.#source.key);
      await this.#removeOriginals(finishing, copied);
    } finally {
      services.directoryCache.forgetBelow(bucket, this.#source.key);
      services.directoryCache.forgetBelow(bucket, this.#target.key);
    }
  }

  async #list(call: Call): Promise<readonly ListedObject[]> {
    const { services, location } = this.#context;
    const { bucket, key: prefix } = this.#source;
    const found: ListedObject[] = [];
    for await (const page of listPages(services.store, call, { bucket, prefix, delimiter: null })) {
      found.push(...page.objects);
      if (found.length > services.renameLimit)
        throw new Fault(
          'unsupported',
          `${location.shown(this.#from)} has more than ${services.renameLimit} files and directories, too many for one rename: rename its content step by step, or ask the administrator to raise rename.limit`,
        );
    }
    for (const { key } of found) {
      if (!fitsKeyLimit(this.#copyOf(key).key))
        throw new Fault(
          'invalid',
          `${this.#shown(key)} would get a name that is too long for S3: use shorter names`,
        );
    }
    return found;
  }

  async #copyAll(call: Call, objects: readonly ListedObject[]): Promise<readonly CopiedFile[]> {
    const keys = await this.#context.keys(call);
    const copied: CopiedFile[] = [];
    try {
      await forEachBounded(call.signal, objects, parallel, async (source) => {
        const copy = this.#copyOf(source.key);
        // An empty target directory already has its marker.
        const isThere = this.#replacesMarker(copy) && source.size === 0;
        const copyEtag = isThere ? null : await this.#copyOne(call, source, copy, keys);
        if (isThere || copyEtag !== null) copied.push({ source, copy, copyEtag });
      });
    } catch (error) {
      throw this.#undone(Fault.from(error), await this.#undo(uncancellable(call), copied));
    }
    if (copied.length === 0)
      throw new Fault('not-found', `${this.#context.location.shown(this.#from)} no longer exists`);
    return copied;
  }

  /** Copies one object. Returns the copy's ETag, or null if the source was removed since it was listed. */
  async #copyOne(
    call: Call,
    source: ListedObject,
    copy: ObjectRef,
    keys: Awaited<ReturnType<UploadContext['keys']>>,
  ): Promise<string | null> {
    const { services } = this.#context;
    // Created again instead of copied: an empty marker may be encrypted with a key that no longer exists.
    if (source.size === 0 && source.key.endsWith('/')) {
      return (await this.#directories.putMarkerAt(call, copy)).etag;
    }
    try {
      const from = { ref: { ...copy, key: source.key }, keys, ifMatch: source.etag, size: source.size };
      // Another client may already write to the new name.
      const expected =
        this.#targetMarker !== null && this.#replacesMarker(copy)
          ? { onlyIfMatches: this.#targetMarker.etag }
          : { onlyIfAbsent: true };
      const to = { ...(await this.#context.target(call, copy, null)), ...expected };
      return (await services.vault.copy(call, from, to))?.etag ?? null;
    } catch (error) {
      const fault = Fault.from(error);
      throw new Fault(fault.kind, `${this.#shown(source.key)}: ${fault.userHint}`, { cause: error });
    }
  }

  /** Removes the copies. Returns the number of copies that could not be removed. */
  async #undo(call: Call, copied: readonly CopiedFile[]): Promise<number> {
    const { services, actor } = this.#context;
    let left = 0;
    await forEachBounded(call.signal, copied, parallel, async ({ copy, copyEtag }) => {
      if (copyEtag === null) return;
      try {
        if (this.#replacesMarker(copy)) await this.#directories.putMarkerAt(call, copy);
        else await services.vault.remove(call, copy, actor, copyEtag);
      } catch (error) {
        left += 1;
        call.log.warn('could not remove a copy after a failed rename', {
          ...copy,
          error: Fault.from(error),
        });
      }
    });
    return left;
  }

  #undone(fault: Fault, left: number): Fault {
    const { location } = this.#context;
    const rest =
      left === 0
        ? 'nothing has changed'
        : `all its files still exist, and ${left} of them exist at ${location.shown(this.#to)} too`;
    const hint = `${location.shown(this.#from)} was not renamed, ${rest}: ${fault.userHint}`;
    return new Fault(fault.kind, hint, { cause: fault });
  }

  async #removeOriginals(call: Call, copied: readonly CopiedFile[]): Promise<void> {
    const { services, actor, location } = this.#context;
    let changed = 0;
    let removed = 0;
    const both = `${location.shown(this.#to)} is complete`;
    try {
      await forEachBounded(call.signal, copied, parallel, async ({ source: { key, etag } }) => {
        try {
          await services.vault.remove(call, { bucket: this.#source.bucket, key }, actor, etag);
          removed += 1;
        } catch (error) {
          if (!isFault(error, 'conflict')) throw error;
          changed += 1;
        }
      });
    } catch (error) {
      const fault = Fault.from(error);
      const left = copied.length - removed;
      const hint = `${both}, but ${left} of ${copied.length} files could not be removed from ${location.shown(this.#from)}: ${fault.userHint}`;
      throw new Fault(fault.kind, hint, { cause: error });
    }
    if (changed > 0)
      throw new Fault(
        'conflict',
        `${both}, but ${changed} of ${copied.length} files were changed meanwhile and stay at ${location.shown(this.#from)} as well`,
      );
  }

  /** Returns whether the copy takes the place of the target directory's own marker. */
  #replacesMarker(copy: ObjectRef): boolean {
    return this.#targetMarker !== null && copy.key === this.#target.key;
  }

  #copyOf(key: string): ObjectRef {
    const { bucket, key: prefix } = this.#target;
    return { bucket, key: prefix + key.slice(this.#source.key.length) };
  }

  #shown(key: string): string {
    const { location } = this.#context;
    return location.shown(`/${key.slice(location.prefix.length)}`);
  }
}
