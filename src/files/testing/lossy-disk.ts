import { type BigIntStats, fstatSync, lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type * as FileCalls from 'node:fs/promises';
import { join } from 'node:path';

/** The entry at a path: the content of a file, the target of a link, or a directory. */
type Entry =
  | { readonly kind: 'file'; readonly bytes: Buffer }
  | { readonly kind: 'link'; readonly to: string }
  | { readonly kind: 'directory' };

/** Everything below a directory, by its path in it. */
export type Tree = ReadonlyMap<string, Entry>;

/** A state that a power loss may leave after one step. */
export interface PowerLoss {
  /** The call that was the last one, with the name of its path. */
  readonly step: string;
  /** Only what was synced. */
  readonly synced: Tree;
  /** The names as they are, but only the synced content: a file system may write its names earlier. */
  readonly named: Tree;
  /** The files as running programs see them. */
  readonly seen: Tree;
}

type Calls = Pick<typeof FileCalls, 'open' | 'rename' | 'link' | 'unlink' | 'mkdir' | 'rmdir' | 'symlink'>;

/**
 * A directory whose content is lost unless it was synced. The calls change the real directory. The content
 * of a file counts from the last fsync of the file on, and a name from the last fsync of its directory on
 * (fsync(2), NOTES).
 */
export class LossyDisk {
  readonly root: string;
  readonly losses: PowerLoss[] = [];
  /** Synced content of files, by inode. */
  readonly #contents = new Map<bigint, Buffer>();
  readonly #links = new Map<bigint, string>();
  /** Synced entries of directories, by inode. */
  readonly #names = new Map<bigint, ReadonlyMap<string, BigIntStats>>();

  /** Everything that is there already counts as synced. */
  constructor(root: string) {
    this.root = root;
    this.#settle(root);
  }

  /** Returns the calls that change files, so that this disk records what they do. */
  recording(calls: Calls): Calls {
    const then = async <T>(step: string, path: unknown, result: Promise<T>): Promise<T> => {
      const value = await result;
      this.#record(`${step} ${String(path)}`);
      return value;
    };
    return {
      open: async (path, flags, mode) => {
        const handle = await calls.open(path, flags, mode);
        const stats = fstatSync(handle.fd, { bigint: true });
        // The inode may be that of a file that was removed.
        if (stats.isFile() && stats.size === 0n) this.#contents.delete(stats.ino);
        const sync = handle.sync.bind(handle);
        handle.sync = () =>
          then(
            'sync',
            path,
            sync().then(() => this.#sync(String(path), handle.fd)),
          );
        return handle;
      },
      rename: (from, to) => then('rename', to, calls.rename(from, to)),
      link: (from, to) => then('link', to, calls.link(from, to)),
      unlink: (path) => then('unlink', path, calls.unlink(path)),
      rmdir: (path) => then('rmdir', path, calls.rmdir(path)),
      symlink: (to, path, type) => then('symlink', path, calls.symlink(to, path, type)),
      mkdir: ((...given: Parameters<Calls['mkdir']>) =>
        then('mkdir', given[0], calls.mkdir(...given))) as Calls['mkdir'],
    };
  }

  #sync(path: string, fd: number): void {
    const stats = fstatSync(fd, { bigint: true });
    if (stats.isDirectory()) this.#syncNames(path, stats.ino);
    else this.#contents.set(stats.ino, readFileSync(`/proc/self/fd/${fd}`));
  }

  #syncNames(directory: string, ino: bigint): ReadonlyMap<string, BigIntStats> {
    const entries = entriesOf(directory);
    this.#names.set(ino, entries);
    for (const [name, stats] of entries) {
      if (stats.isSymbolicLink()) this.#links.set(stats.ino, readlinkSync(join(directory, name)));
    }
    return entries;
  }

  #settle(directory: string): void {
    const { ino } = lstatSync(directory, { bigint: true });
    for (const [name, stats] of this.#syncNames(directory, ino)) {
      const path = join(directory, name);
      if (stats.isDirectory()) this.#settle(path);
      else if (stats.isFile()) this.#contents.set(stats.ino, readFileSync(path));
    }
  }

  #record(step: string): void {
    const top = lstatSync(this.root, { bigint: true }).ino;
    const content = (ino: bigint) => this.#contents.get(ino) ?? Buffer.alloc(0);
    const synced = new Map<string, Entry>();
    this.#addSynced(synced, '', top);
    const seen = new Map<string, Entry>();
    const named = new Map<string, Entry>();
    addSeen(this.root, '', (path, stats, entry) => {
      seen.set(path, entry);
      named.set(path, entry.kind === 'file' ? { kind: 'file', bytes: content(stats.ino) } : entry);
    });
    this.losses.push({ step, synced, named, seen });
  }

  #addSynced(tree: Map<string, Entry>, at: string, directory: bigint): void {
    for (const [name, stats] of this.#names.get(directory) ?? []) {
      const path = join(at, name);
      if (stats.isDirectory()) {
        tree.set(path, { kind: 'directory' });
        this.#addSynced(tree, path, stats.ino);
      } else if (stats.isFile()) {
        tree.set(path, { kind: 'file', bytes: this.#contents.get(stats.ino) ?? Buffer.alloc(0) });
      } else {
        // The content of a link is part of its name.
        tree.set(path, { kind: 'link', to: this.#links.get(stats.ino) ?? '' });
      }
    }
  }
}

/** Leaves out the journals of SQLite, which syncs its files with calls of its own. */
function entriesOf(directory: string): ReadonlyMap<string, BigIntStats> {
  const names = readdirSync(directory).filter((name) => !name.endsWith('-journal'));
  return new Map(names.map((name) => [name, lstatSync(join(directory, name), { bigint: true })]));
}

function addSeen(
  root: string,
  at: string,
  add: (path: string, stats: BigIntStats, entry: Entry) => void,
): void {
  for (const [name, stats] of entriesOf(join(root, at))) {
    const path = join(at, name);
    if (stats.isDirectory()) {
      add(path, stats, { kind: 'directory' });
      addSeen(root, path, add);
    } else if (stats.isSymbolicLink()) {
      add(path, stats, { kind: 'link', to: readlinkSync(join(root, path)) });
    } else {
      add(path, stats, { kind: 'file', bytes: readFileSync(join(root, path)) });
    }
  }
}

/** Returns the tree in a form that a test can compare and print. */
export function printed(tree: Tree): Readonly<Record<string, string>> {
  return Object.fromEntries(
    [...tree]
      .map(([path, entry]) => [path, printedEntry(entry)] as const)
      .sort(([one], [other]) => (one < other ? -1 : 1)),
  );
}

/** Secrets stay out of the output of a failed test: content is printed as its length and its first bytes' sum. */
function printedEntry(entry: Entry): string {
  if (entry.kind === 'directory') return 'a directory';
  if (entry.kind === 'link') return `a link to ${entry.to}`;
  return `${entry.bytes.byteLength} bytes, sum ${entry.bytes.reduce((sum, byte) => (sum * 31 + byte) % 1_000_003, 7)}`;
}
