import { lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { forEachBounded } from '../concurrency/bounded.js';
import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { ObjectRef } from '../model/object-store.js';
import type { EncryptionChoice } from './encryption-choice.js';
import { putFile } from './put.js';
import { s3Url } from './s3-url.js';
import { type ObjectServices, parallelObjects } from './services.js';
import { type TreeWatcher, treePrefix } from './tree-outcome.js';

interface FoundFile {
  readonly path: string;
  /** Path relative to the directory, with `/` as the separator. */
  readonly name: string;
  readonly isRegular: boolean;
}

/**
 * Stores every file in a directory below a prefix, a few in parallel. Reports a file that fails to the
 * watcher and continues with the others. Does not follow symbolic links; they count as failures. Ignores
 * empty directories. Throws `cancelled`, and errors of the directory itself.
 */
export async function putTree(
  services: ObjectServices,
  call: Call,
  directory: string,
  to: ObjectRef,
  choice: EncryptionChoice,
  watcher: TreeWatcher,
): Promise<void> {
  const { bucket, key: prefix } = treePrefix(to);
  const progress = { begin: () => undefined, took: (bytes: number) => watcher.took(bytes) };
  await forEachBounded(call.signal, walkFiles(directory, ''), parallelObjects, async (file) => {
    const ref = { bucket, key: prefix + file.name };
    try {
      if (!file.isRegular) throw new Fault('unsupported', 'not a regular file (links are not followed)');
      const outcome = await putFile(services, call, file.path, ref, choice, progress);
      watcher.settled({
        kind: outcome === 'stored' ? 'done' : 'unchanged',
        from: file.path,
        to: s3Url(ref),
      });
    } catch (error) {
      if (Fault.from(error).kind === 'cancelled') throw error;
      watcher.settled({ kind: 'failed', name: file.path, error });
    }
  });
}

async function* walkFiles(directory: string, below: string): AsyncGenerator<FoundFile> {
  for await (const entry of await opendir(join(directory, below))) {
    const name = below === '' ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* walkFiles(directory, name);
    else yield { path: join(directory, name), name, isRegular: entry.isFile() };
  }
}

/** Counts the regular files and their bytes below a directory, for a progress bar. */
export async function measureFiles(
  directory: string,
): Promise<{ readonly files: number; readonly bytes: number }> {
  let files = 0;
  let bytes = 0;
  for await (const file of walkFiles(directory, '')) {
    if (!file.isRegular) continue;
    files += 1;
    bytes += (await lstat(file.path)).size;
  }
  return { files, bytes };
}
