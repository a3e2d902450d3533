import { compareUtf8 } from '../../bytes/utf8-order.js';
import type { KeyFingerprint } from '../../model/customer-key.js';
import { Fault } from '../../model/fault.js';
import type { ListedFile, MirrorAction, MirrorEntry, MirrorProblemKind } from '../../model/mirror.js';
import { FoldedNames } from './folded-names.js';
import { nameProblem, parentOf } from './mirror-paths.js';

/** One object of the listing, by its path below the prefix. */
export interface ListedPath {
  readonly path: string;
  readonly file: ListedFile;
}

/** An entry of the state. `isIntact` tells whether the disk still matches it. */
export interface CheckedEntry {
  readonly entry: MirrorEntry;
  readonly isIntact: boolean;
}

/** Properties of the directory and the keys of a plan. */
export interface PlanOptions {
  /** Max bytes of a path below the directory. */
  readonly maxPathBytes: number;
  /** True if the file system does not distinguish names that differ only in case. */
  readonly foldsCase: boolean;
  /** Fingerprints of the available keys. An object that all of them failed to open is not tried again. */
  readonly keys: ReadonlySet<KeyFingerprint>;
}

/** A directory on the current path. */
interface OpenDirectory {
  readonly path: string;
  /** Null if it has not been mirrored yet. */
  readonly known: CheckedEntry | null;
  /** True if S3 has an object for it or below it. */
  isLive: boolean;
}

/**
 * A file that waits until no more keys below `path/` can follow. Such a key would turn its name into a
 * directory.
 */
interface HeldFile {
  readonly path: string;
  readonly file: ListedFile;
  readonly known: CheckedEntry | null;
}

/**
 * Compares a listing with the mirrored state. Both come in listing order and are read once. The planner
 * remembers the directories of the current path, and files whose name may still turn out to be a directory.
 * Their names are prefixes of each other, so the length of a key bounds both. If the file system folds case,
 * it remembers every name.
 *
 * The actions can be carried out in their order: obstacles are removed before something new takes their name,
 * and a directory is created before its contents and removed after them.
 */
export class Planner {
  readonly #options: PlanOptions;
  readonly #folded: FoldedNames | null;
  readonly #directories: OpenDirectory[] = [];
  readonly #held: HeldFile[] = [];
  #actions: MirrorAction[] = [];
  #last: string | null = null;

  constructor(options: PlanOptions) {
    this.#options = options;
    this.#folded = options.foldsCase ? new FoldedNames() : null;
  }

  /** Returns the actions since the last call. */
  take(): readonly MirrorAction[] {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }

  /**
   * Adds the next path of the two streams, with its object and its entry. Throws `unsupported` if the streams
   * are out of order, because removals could not be detected then.
   */
  next(path: string, listed: ListedFile | null, known: CheckedEntry | null): void {
    if (this.#last !== null && compareUtf8(this.#last, path) >= 0) {
      throw new Fault(
        'unsupported',
        `S3 does not list in key order (${JSON.stringify(path)} after ${JSON.stringify(this.#last)}), so the bucket cannot be mirrored`,
      );
    }
    this.#last = path;
    this.#settle(path);
    const file = listed === null ? null : this.#accept(path, listed);
    if (path.endsWith('/')) this.#directory(path, file, known);
    else if (file !== null) {
      this.#makeLive(parentOf(path));
      this.#held.push({ path, file, known });
    } else if (known !== null) this.#removed(path, known.entry);
  }

  /** Ends the plan after both streams have ended. */
  end(): void {
    this.#settle(null);
  }

  /** Returns null for a key that cannot be on disk, and reports it. */
  #accept(path: string, listed: ListedFile): ListedFile | null {
    const problem = nameProblem(path, this.#options.maxPathBytes);
    if (problem !== null) {
      this.#report('name', path, listed.size, `${problem}; not mirrored`);
      return null;
    }
    const other = this.#folded?.claim(path) ?? null;
    if (other === null) return listed;
    this.#report(
      'case',
      path,
      listed.size,
      `it differs from ${JSON.stringify(other)} only in case; not mirrored`,
    );
    return null;
  }

  #directory(path: string, marker: ListedFile | null, known: CheckedEntry | null): void {
    if (marker === null) {
      if (known !== null) this.#directories.push({ path, known, isLive: false });
      return;
    }
    this.#makeLive(parentOf(path));
    this.#loseFile(path);
    this.#directories.push({ path, known, isLive: true });
    if (known?.isIntact !== true || known.entry.object?.etag !== marker.etag) {
      this.#actions.push({ kind: 'make-directory', path, marker });
    }
    if (marker.size === 0) return;
    const text = 'its name ends with a slash and stands for a directory; its content is not mirrored';
    this.#report('file-and-directory', path, marker.size, text);
  }

  #removed(path: string, entry: MirrorEntry): void {
    // If the file system folds case, another object may own the file of this name.
    const isAnothers = this.#folded?.has(path) === true;
    if (isAnothers || entry.stamp === null) this.#actions.push({ kind: 'forget', path });
    else this.#actions.push({ kind: 'delete', path, entry });
  }

  /** Marks a directory and its parents as needed, because S3 has an object below. */
  #makeLive(path: string): void {
    if (path === '') return;
    const top = this.#directories.at(-1);
    if (top?.path === path && top.isLive) return;
    let position = 0;
    for (let slash = path.indexOf('/'); slash !== -1; slash = path.indexOf('/', slash + 1)) {
      const above = path.slice(0, slash + 1);
      const open = this.#directories[position];
      if (open?.path === above) {
        if (!open.isLive) this.#enliven(open);
      } else {
        this.#loseFile(above);
        this.#directories.splice(position, 0, { path: above, known: null, isLive: true });
        this.#actions.push({ kind: 'make-directory', path: above, marker: null });
      }
      position += 1;
    }
  }

  #enliven(open: OpenDirectory): void {
    open.isLive = true;
    this.#loseFile(open.path);
    const isAsKnown = open.known?.isIntact === true && open.known.entry.object === null;
    if (!isAsKnown) this.#actions.push({ kind: 'make-directory', path: open.path, marker: null });
  }

  /** Gives up a file with the same name as this directory. */
  #loseFile(directory: string): void {
    const path = directory.slice(0, -1);
    const index = this.#held.findIndex((held) => held.path === path);
    const [held] = index === -1 ? [] : this.#held.splice(index, 1);
    if (held === undefined) return;
    const text = `other objects are below ${JSON.stringify(directory)}, which makes its name a directory; not mirrored`;
    this.#report('file-and-directory', path, held.file.size, text);
    if (held.known !== null) this.#removed(path, held.known.entry);
  }

  /** Decides everything that the next path (null: the end) has passed. */
  #settle(next: string | null): void {
    for (let open = this.#directories.at(-1); open !== undefined; open = this.#directories.at(-1)) {
      if (next?.startsWith(open.path)) break;
      this.#directories.pop();
      if (open.isLive) continue;
      const isAnothers = this.#folded?.has(open.path.slice(0, -1)) === true;
      this.#actions.push({ kind: isAnothers ? 'forget' : 'remove-directory', path: open.path });
    }
    for (let held = this.#held.at(-1); held !== undefined; held = this.#held.at(-1)) {
      // Between `a` and the last `a/...`, every path begins with `a`, followed by a slash or a character that
      // sorts before it.
      if (next?.startsWith(held.path) && next.charCodeAt(held.path.length) <= slashCode) break;
      this.#held.pop();
      this.#compare(held);
    }
  }

  #compare({ path, file, known }: HeldFile): void {
    const entry = known?.entry ?? null;
    const { object = null, stamp = null, refusal = null } = entry ?? {};
    if (object !== null && stamp !== null && known?.isIntact && isSameVersion(object, file)) {
      this.#actions.push({ kind: 'leave', path, size: file.size });
      return;
    }
    const isRefused = refusal !== null && isSameVersion(refusal, file);
    if (isRefused && isAllTried(this.#options.keys, refusal.tried)) {
      this.#report('no-key', path, file.size, describeMissingKey(refusal.tried));
      return;
    }
    const isChanged = object !== null && !isSameVersion(object, file);
    const reason = isRefused ? 'retry' : stamp === null ? 'new' : isChanged ? 'changed' : 'damaged';
    this.#actions.push({ kind: 'fetch', path, object: file, reason, entry });
  }

  #report(kind: MirrorProblemKind, path: string, size: number, text: string): void {
    this.#actions.push({ kind: 'report', problem: { kind, path, size, text } });
  }
}

const slashCode = 0x2f;

/**
 * Reports whether a listed object is the fetched version. Compares whole seconds, because the answer to a GET
 * has no fractions.
 */
export function isSameVersion(object: ListedFile, file: ListedFile): boolean {
  return (
    object.etag === file.etag &&
    object.size === file.size &&
    Math.floor(object.lastModifiedMs / 1000) === Math.floor(file.lastModifiedMs / 1000)
  );
}

function isAllTried(keys: ReadonlySet<KeyFingerprint>, tried: readonly KeyFingerprint[]): boolean {
  for (const key of keys) if (!tried.includes(key)) return false;
  return true;
}

/** Describes for people that none of the tried keys opens an object, and how to add the key. */
export function describeMissingKey(tried: readonly KeyFingerprint[]): string {
  return tried.length === 0
    ? 'encrypted with a customer key, and no key is available; put the 32 raw bytes of the key into sse-sync.key'
    : `no available key opens it (tried ${tried.join(', ')}); put the 32 raw bytes of its key into sse-sync.key`;
}
