import type { RemovalCondition } from '../../model/object-store.js';

/**
 * Removes an object that was only a trial: with versioning the versions themselves, where that is allowed, else each trial would
 * leave some behind. A version of null is that of a bucket without. Throws what the last removal does.
 */
export async function removeTrial(
  versions: Iterable<string | null>,
  remove: (condition: RemovalCondition) => Promise<void>,
): Promise<void> {
  let areGone = true;
  for (const versionId of versions) {
    const isGone =
      versionId !== null &&
      (await remove({ versionId }).then(
        () => true,
        () => false,
      ));
    areGone = isGone && areGone;
  }
  if (!areGone) await remove({});
}
