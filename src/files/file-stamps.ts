import { type BigIntStats, stat } from 'node:fs';
import { settleMs, stampsOf } from './file-cache.js';

/** Files checked in parallel. */
const parallel = 64;

/**
 * Returns one text for each group of paths, which changes whenever one of its files or directories changes, appears
 * or disappears. Returns null for a group that cannot be compared: one of its files changed a moment ago, or cannot
 * be read.
 */
export async function stampsOfGroups(
  groups: readonly (readonly string[])[],
): Promise<readonly (string | null)[]> {
  const stamps: (string | null)[] = [];
  const atOnce = Math.max(1, Math.floor(parallel / (groups[0]?.length ?? 1)));
  for (let start = 0; start < groups.length; start += atOnce) {
    stamps.push(...(await Promise.all(groups.slice(start, start + atOnce).map(stampOfGroup))));
  }
  return stamps;
}

async function stampOfGroup(paths: readonly string[]): Promise<string | null> {
  const stamps = await Promise.all(paths.map(stampOf));
  return stamps.includes(null) ? null : stamps.join(' ');
}

/** Returns `-` for a file that does not exist. The callback costs half of what the promise does. */
function stampOf(path: string): Promise<string | null> {
  return new Promise((resolve) => {
    stat(path, { bigint: true }, (error, stats: BigIntStats) => {
      if (error !== null) {
        resolve(error.code === 'ENOENT' || error.code === 'ENOTDIR' ? '-' : null);
        return;
      }
      const isSettled = Date.now() - Number(stats.ctimeMs) > settleMs;
      resolve(isSettled ? stampsOf(stats) : null);
    });
  });
}
