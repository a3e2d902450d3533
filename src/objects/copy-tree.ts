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
 * Copies or moves all objects below a prefix to another prefix, a few in parallel. Reports an object that
 * fails to the watcher, leaves it where it is, and continues with the others. Throws `invalid` for a target
 * within the source, the faults of the listing, and `cancelled`.
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
  // The listing would find the copies and copy them again.
  if (target.bucket === source.bucket && target.key.startsWith(source.key)) {
    throw new Fault('invalid', `cannot copy ${s3Url(source)} into itself: ${s3Url(target)} is below it`);
  }
  await forEachBounded(
    call.signal,
    walkObjects(services, call, source),
    parallelObjects,
    async ({ ref, name }) => {
      try {
        const key = target.key + name;
        if (key === '') throw new Fault('invalid', 'the key of the target is empty');
        const targetRef = { bucket: target.bucket, key };
        const { outcome, size } = await copyOrMoveObject(services, call, ref, targetRef, plan);
        if (outcome === 'copied') watcher.took(size);
        const kind = outcome === 'copied' ? 'done' : 'unchanged';
        watcher.settled({ kind, from: s3Url(ref), to: s3Url(targetRef) });
      } catch (error) {
        if (Fault.from(error).kind === 'cancelled') throw error;
        watcher.settled({ kind: 'failed', name: s3Url(ref), error });
      }
    },
  );
}
