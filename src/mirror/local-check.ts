import { lstat, type Stats } from 'node:fs';
import type { MirrorEntry, MirrorState } from '../model/mirror.js';
import type { CheckedEntry } from './planner.js';

const pageEntries = 1000;
/** Looked at side by side; more would keep others from the threads of the file system. */
const parallel = 64;

/**
 * The state of a prefix, page by page, each entry compared with the disk: what was damaged or removed there is noticed. With
 * `isOtherOrigin`, no file counts: it is no version of what S3 has now.
 */
export async function* checkedState(
  state: MirrorState,
  name: string,
  root: string,
  isOtherOrigin: boolean,
): AsyncGenerator<readonly CheckedEntry[]> {
  for (let after: string | null = null; ; ) {
    const entries: readonly MirrorEntry[] = await state.page(name, after, pageEntries);
    if (entries.length === 0) return;
    const checked = await checkEntries(entries, root);
    yield isOtherOrigin ? checked.map(({ entry }) => ({ entry, isIntact: false })) : checked;
    if (entries.length < pageEntries) return;
    after = entries.at(-1)?.path ?? null;
  }
}

/** With callbacks: a promise for each of 100,000 files costs more than the look at the file. */
export function checkEntries(
  entries: readonly MirrorEntry[],
  root: string,
): Promise<readonly CheckedEntry[]> {
  return new Promise((resolve) => {
    const checked: CheckedEntry[] = new Array(entries.length);
    let next = 0;
    let left = entries.length;
    const look = (): void => {
      const index = next;
      const entry = entries[index];
      if (entry === undefined) return;
      next += 1;
      lstat(`${root}/${entry.path}`, (error, stats) => {
        checked[index] = { entry, isIntact: error === null && isAsLeft(entry, stats) };
        left -= 1;
        if (left === 0) resolve(checked);
        else look();
      });
    };
    if (left === 0) resolve(checked);
    for (let index = 0; index < parallel; index += 1) look();
  });
}

/** A rename keeps the inode; whatever else is put there, or written into it, changes the inode, the size or the time. */
function isAsLeft({ path, stamp }: MirrorEntry, stats: Stats): boolean {
  if (path.endsWith('/')) return stats.isDirectory();
  if (stamp === null) return false;
  return (
    stats.isFile() &&
    stats.ino === stamp.inode &&
    stats.size === stamp.size &&
    stats.mtimeMs === stamp.mtimeMs
  );
}
