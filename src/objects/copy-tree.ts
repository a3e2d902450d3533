import { forEachBounded } from '../concurrency/bounded.js';
import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { ObjectRef } from '../model/object-store.js';
import { type CopyPlan, copyOrMoveObject } from './copy.js';
import { walkObjects } from './object-tree.js';
import { s3Url } from './s3-url.js';
import { type ObjectServices, parallelObjects } from './services.js';
import { type TreeWatcher, treePrefix } from './tree-outcome.js';

/**
 * Copies or moves all below a prefix to below another, a few objects side by side. What cannot be copied is told to the watcher, stays
 * where it is, and does not stop the others. Faults: `invalid` for a target within the source, those of the listing, and
 * `cancelled`.
 */
export async function copyTree(
  services: ObjectServices,
  call: Call,
  from: ObjectRef,
  to: ObjectRef,
  plan: CopyPlan,
  watcher: TreeWatcher,
): Promise<void> {
  const source = treePrefix(from);
  const target = treePrefix(to);
  // The copies would be among what is listed, and be copied again.
  if (target.bucket === source.bucket && target.key.startsWith(source.key)) {
    throw new Fault('invalid', `${s3Url(target)} is within ${s3Url(source)}, which is to be copied there`);
  }
  await forEachBounded(
    call.signal,
    walkObjects(services, call, source),
    parallelObjects,
    async ({ ref, name }) => {
      try {
        const key = target.key + name;
        if (key === '') throw new Fault('invalid', 'at the top of a bucket there is no place for it');
        const placed = { bucket: target.bucket, key };
        const { outcome, size } = await copyOrMoveObject(services, call, ref, placed, plan);
        if (outcome === 'copied') watcher.took(size);
        const kind = outcome === 'copied' ? 'done' : 'unchanged';
        watcher.settled({ kind, from: s3Url(ref), to: s3Url(placed) });
      } catch (error) {
        if (Fault.from(error).kind === 'cancelled') throw error;
        watcher.settled({ kind: 'failed', name: s3Url(ref), error });
      }
    },
  );
}
