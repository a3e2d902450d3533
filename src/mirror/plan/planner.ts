import { compareUtf8 } from '../../bytes/utf8-order.js';
import type { KeyFingerprint } from '../../model/customer-key.js';
import { Fault } from '../../model/fault.js';
import type { ListedFile, MirrorAction, MirrorEntry, MirrorProblemKind } from '../../model/mirror.js';
import { FoldedNames } from './folded-names.js';
import { nameProblem, parentOf } from './mirror-paths.js';

/** One key of the listing, below the prefix. */
export interface ListedPath {
  readonly path: string;
  readonly file: ListedFile;
}

/** An entry of the state, and whether the disk still has what it says. */
export interface CheckedEntry {
  readonly entry: MirrorEntry;
  readonly isIntact: boolean;
}

export interface PlanOptions {
  /** What the file system leaves for a path below the directory. */
  readonly maxPathBytes: number;
  /** Whether the file system takes names that differ in case only for one. */
  readonly foldsCase: boolean;
  /** The fingerprints of the keys at hand: what all of them failed to open is not tried again. */
  readonly keys: ReadonlySet<KeyFingerprint>;
}

/** A directory between the root and where the plan is. */
interface OpenDirectory {
  readonly path: string;
  /** Null when it has not been mirrored yet. */
  readonly known: CheckedEntry | null;
  /** S3 has something for it. */
  isLive: boolean;
}

/** A file that waits until no key below `path/` can come any more: that would make it a directory. */
interface HeldFile {
  readonly path: string;
  readonly file: ListedFile;
  readonly known: CheckedEntry | null;
}

/**
 * Compares a listing with what was mirrored. Both come in the order of a listing and are looked at once; what is remembered
 * is the directories above the current path and the files that may still turn out to be directories, whose names begin each
 * other: both are bounded by the length of a key. (Where the file system folds case, every name is remembered too.)
 *
 * The actions come in an order in which they can be carried out: what is in the way goes before what comes, a directory is
 * made before what is in it and removed after.
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

  /** The actions since the last call. */
  take(): readonly MirrorAction[] {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }

  /**
   * The next path of the two streams, with what each of them has for it. Throws `unsupported` when they are out of order: who
   * cannot rely on the order cannot tell what is gone.
   */
  next(path: string, listed: ListedFile | null, known: CheckedEntry | null): void {
    if (this.#last !== null && compareUtf8(this.#last, path) >= 0) {
      throw new Fault(
        'unsupported',
        `S3 does not list in the order of the keys (${JSON.stringify(path)} behind ${JSON.stringify(this.#last)}): such a bucket cannot be mirrored`,
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

  /** Both streams have ended. */
  end(): void {
    this.#settle(null);
  }

  /** Null for a key that cannot be on disk, which is reported. */
  #accept(path: string, listed: ListedFile): ListedFile | null {
    const problem = nameProblem(path, this.#options.maxPathBytes);
    if (problem !== null) {
      this.#report('name', path, listed.size, `${problem}: it is not mirrored`);
      return null;
    }
    const other = this.#folded?.claim(path) ?? null;
    if (other === null) return listed;
    this.#report(
      'case',
      path,
      listed.size,
      `it differs from ${JSON.stringify(other)} in case only: it is not mirrored`,
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
    const text = 'its name ends with a slash, so it is a directory here: its content is not mirrored';
    this.#report('file-and-directory', path, marker.size, text);
  }

  #removed(path: string, entry: MirrorEntry): void {
    // On a file system that folds case, what is there under this name is then the other one's.
    const isAnothers = this.#folded?.has(path) === true;
    if (isAnothers || entry.stamp === null) this.#actions.push({ kind: 'forget', path });
    else this.#actions.push({ kind: 'delete', path, entry });
  }

  /** S3 has something below this directory, so it has to be there, and those above it. */
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

  /** The file of the same name as this directory cannot be there. */
  #loseFile(directory: string): void {
    const path = directory.slice(0, -1);
    const index = this.#held.findIndex((held) => held.path === path);
    const [held] = index === -1 ? [] : this.#held.splice(index, 1);
    if (held === undefined) return;
    const text = `there are also objects below ${JSON.stringify(directory)}, and a name is a file or a directory: it is not mirrored`;
    this.#report('file-and-directory', path, held.file.size, text);
    if (held.known !== null) this.#removed(path, held.known.entry);
  }

  /** What the next path (null: the end) is past is decided. */
  #settle(next: string | null): void {
    for (let open = this.#directories.at(-1); open !== undefined; open = this.#directories.at(-1)) {
      if (next?.startsWith(open.path)) break;
      this.#directories.pop();
      if (open.isLive) continue;
      const isAnothers = this.#folded?.has(open.path.slice(0, -1)) === true;
      this.#actions.push({ kind: isAnothers ? 'forget' : 'remove-directory', path: open.path });
    }
    for (let held = this.#held.at(-1); held !== undefined; held = this.#held.at(-1)) {
      // Between `a` and the last of `a/...` every path begins with `a` and goes on with a slash or what sorts before it.
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
      this.#report('no-key', path, file.size, noKeyText(refusal.tried));
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

/** Whether a listing tells of the object that was fetched. The answer to a GET has its time in whole seconds only. */
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

export function noKeyText(tried: readonly KeyFingerprint[]): string {
  return tried.length === 0
    ? 'it rests under a customer key and none is at hand; put the 32 raw bytes of the key into sse-sync.key'
    : `none of the keys at hand opens it (tried ${tried.join(', ')}); put the 32 raw bytes of its key into sse-sync.key`;
}
