import type { RemovalCondition } from '../../model/object-store.js';

/**
 * Removes a trial object. With versioning it removes the versions themselves, if that is allowed, so that
 * trials leave nothing. A version is null in a bucket without versioning. Throws the fault of the last
 * removal.
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
