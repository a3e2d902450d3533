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
  /** Below the directory, with `/` between its parts. */
  readonly name: string;
  readonly isRegular: boolean;
}

/**
 * Stores every file below a directory below a prefix, a few side by side. What cannot be stored is told to the watcher and does not
 * stop the others: symbolic links are not followed. Empty directories leave nothing. Faults: `cancelled`, and errors of the
 * directory itself.
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
      if (!file.isRegular)
        throw new Fault('unsupported', 'it is no regular file, and links are not followed');
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

/** Regular files and their bytes below a directory, for a progress bar. */
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
