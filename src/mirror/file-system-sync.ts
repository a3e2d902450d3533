import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** From so many on, the file system as a whole is synced: syncfs(2) costs less than so many times fsync(2). */
const manyPaths = 16;
const parallel = 16;

/** False once `sync -f` (coreutils, busybox) turned out not to be there. */
let hasSyncCommand = process.platform === 'linux';

/**
 * Makes what was written to these files, or renamed in these directories, survive a power loss. They are on the file system
 * of `directory`. Errors of the file system come out as they are.
 */
export async function syncPaths(paths: readonly string[], directory: string): Promise<void> {
  if (paths.length >= manyPaths && hasSyncCommand) {
    try {
      await run('sync', ['-f', directory]);
      return;
    } catch {
      // Not there, or a failure that is found again below, path by path.
      hasSyncCommand = false;
    }
  }
  let next = 0;
  const work = async (): Promise<void> => {
    for (let path = paths[next++]; path !== undefined; path = paths[next++]) await syncPath(path);
  };
  await Promise.all(Array.from({ length: Math.min(parallel, paths.length) }, work));
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
