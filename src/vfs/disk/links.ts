import { lstat, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault } from '../../model/fault.js';
import { errnoOf } from './faults.js';

/** Max symbolic links in one path, as on Linux (path_resolution(7)). */
const maxLinks = 40;

/**
 * Returns the segments of an absolute path on disk relative to the root, or null if it is outside the root.
 */
export function segmentsBeneath(root: string, target: string): readonly string[] | null {
  const segments = splitPath(target);
  const above = splitPath(root);
  if (above.some((segment, index) => segments[index] !== segment)) return null;
  return segments.slice(above.length);
}

/** Returns the segments of a path, without empty ones and `.`. */
export function splitPath(path: string): readonly string[] {
  return path.split('/').filter((segment) => segment !== '' && segment !== '.');
}

function leavesRoot(shown: string): Fault {
  return new Fault(
    'denied',
    `${JSON.stringify(shown)} is behind a symbolic link that leads outside this directory`,
  );
}

/**
 * Replaces every symbolic link in a path by its target, staying below `root` (the real path of a directory).
 * `..` in a target is relative to the link's real directory, as in the kernel, but never passes the root. The
 * kernel never follows a link for us. The last segment may be absent; a link there is replaced if
 * `followLast`. Throws `denied` for a link that leaves the root, `not-found`, `not-directory`, and `invalid`
 * for a loop.
 */
export async function resolveLinks(
  root: string,
  segments: readonly string[],
  followLast: boolean,
  shown: string,
): Promise<readonly string[]> {
  const pending = [...segments];
  const resolved: string[] = [];
  for (let links = 0; ; ) {
    const segment = pending.shift();
    if (segment === undefined) return resolved;
    if (segment === '..') {
      if (resolved.pop() === undefined) throw leavesRoot(shown);
      continue;
    }
    const type = await typeOf(join(root, ...resolved, segment));
    if (type === 'link' && (pending.length > 0 || followLast)) {
      links += 1;
      if (links > maxLinks)
        throw new Fault(
          'invalid',
          `${JSON.stringify(shown)} leads through more than ${maxLinks} symbolic links`,
        );
      const target = await readlink(join(root, ...resolved, segment));
      if (target.startsWith('/')) {
        const beneath = segmentsBeneath(root, target);
        if (beneath === null || beneath.includes('..')) throw leavesRoot(shown);
        resolved.length = 0;
        pending.unshift(...beneath);
      } else {
        pending.unshift(...splitPath(target));
      }
      continue;
    }
    if (pending.length > 0 && type !== 'directory') {
      if (type === null) throw new Fault('not-found', `${JSON.stringify(shown)} does not exist`);
      throw new Fault(
        'not-directory',
        `${JSON.stringify(shown)} does not exist: ${JSON.stringify(segment)} is not a directory`,
      );
    }
    resolved.push(segment);
  }
}

async function typeOf(path: string): Promise<'link' | 'directory' | 'other' | null> {
  try {
    const stats = await lstat(path);
    return stats.isSymbolicLink() ? 'link' : stats.isDirectory() ? 'directory' : 'other';
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}
