import { forEachBounded } from '../concurrency/bounded.js';
import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { ObjectRef } from '../model/object-store.js';
import { getObjectToFile } from './get.js';
import { LocalTree } from './local-tree.js';
import { type TreeObject, walkObjects } from './object-tree.js';
import { s3Url } from './s3-url.js';
import { type ObjectServices, parallelObjects } from './services.js';
import { type TreeWatcher, treePrefix } from './tree-outcome.js';

/**
 * Fetches all objects below a prefix into a directory, a few in parallel. Reports an object that fails to the
 * watcher and continues with the others. Throws the faults of the listing, `cancelled`, and errors of the
 * directory itself.
 */
export async function getTree(
  services: ObjectServices,
  call: Call,
  from: ObjectRef,
  to: { readonly directory: string; readonly mayReplace: boolean },
  watcher: TreeWatcher,
): Promise<void> {
  const tree = await LocalTree.open(to.directory);
  const objects = walkObjects(services, call, treePrefix(from));
  await forEachBounded(call.signal, objects, parallelObjects, async (object) => {
    const name = s3Url(object.ref);
    try {
      const path = await tree.pathFor(object.name);
      const outcome = await getOne(services, call, object, { path, mayReplace: to.mayReplace }, watcher);
      watcher.settled({ kind: outcome, from: name, to: path });
    } catch (error) {
      if (Fault.from(error).kind === 'cancelled') throw error;
      watcher.settled({ kind: 'failed', name, error });
    }
  });
}

async function getOne(
  services: ObjectServices,
  call: Call,
  { ref, name, listed, row }: TreeObject,
  file: { readonly path: string; readonly mayReplace: boolean },
  watcher: TreeWatcher,
): Promise<'done' | 'unchanged'> {
  if (name === '' || name.endsWith('/')) {
    // The object marks a directory, which exists by now.
    if (listed.size === 0) return 'done';
    throw new Fault(
      'invalid',
      `its name ends with "/" like a directory's, but it holds ${listed.size} bytes`,
    );
  }
  const known = { size: listed.size, row };
  const progress = { begin: () => undefined, took: (bytes: number) => watcher.took(bytes) };
  const fetched = await getObjectToFile(services, call, ref, known, file, progress);
  return fetched === 'fetched' ? 'done' : 'unchanged';
}
