import { lstat } from 'node:fs/promises';
import type { MirrorEntry, MirrorState } from '../../model/mirror.js';
import type { PathStat, PathStats } from '../disk/path-stats.js';
import { stampOf } from '../disk/staging.js';
import { readAhead } from '../read-ahead.js';
import type { CheckedEntry } from './planner.js';

const pageEntries = 1000;
/** Pages of files checked ahead while the listing is awaited. */
const pagesAhead = 2;

/**
 * Yields the state of a prefix page by page. Compares each entry with the disk, to find files that were
 * damaged or removed. With `isOtherOrigin`, every file counts as damaged, because it is not a version of S3's
 * current object.
 */
export function checkedState(
  state: MirrorState,
  stats: PathStats,
  name: string,
  root: string,
  isOtherOrigin: boolean,
): AsyncGenerator<readonly CheckedEntry[]> {
  return readAhead(checkedPages(state, stats, name, root, isOtherOrigin), pagesAhead);
}

async function* checkedPages(
  state: MirrorState,
  stats: PathStats,
  name: string,
  root: string,
  isOtherOrigin: boolean,
): AsyncGenerator<readonly CheckedEntry[]> {
  for (let after: string | null = null; ; ) {
    const entries: readonly MirrorEntry[] = await state.page(name, after, pageEntries);
    if (entries.length === 0) return;
    const checked = await stats.stat(
      root,
      entries.map(({ path }) => path),
    );
    yield entries.map((entry, index) => ({
      entry,
      isIntact: !isOtherOrigin && isAsLeft(entry, checked[index]),
    }));
    if (entries.length < pageEntries) return;
    after = entries.at(-1)?.path ?? null;
  }
}

/** Reports whether the disk still matches an entry. */
export async function isIntact(entry: MirrorEntry, root: string): Promise<boolean> {
  const stats = await lstat(`${root}/${entry.path}`).catch(() => null);
  if (stats === null) return false;
  return isAsLeft(entry, {
    isDirectory: stats.isDirectory(),
    stamp: stats.isFile() ? stampOf(stats) : null,
  });
}

/**
 * Reports whether a path is as the mirror left it. A rename keeps the inode; a replacement or a write changes
 * the inode, the size or the time.
 */
function isAsLeft({ path, stamp }: MirrorEntry, result: PathStat | undefined): boolean {
  if (path.endsWith('/')) return result?.isDirectory === true;
  const found = result?.stamp ?? null;
  if (stamp === null || found === null) return false;
  return found.inode === stamp.inode && found.size === stamp.size && found.mtimeMs === stamp.mtimeMs;
}
