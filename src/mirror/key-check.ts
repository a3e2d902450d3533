import type { Call } from '../model/call.js';
import type { MirrorPrefix, MirrorState } from '../model/mirror.js';
import type { MirrorTarget, ObjectFetches } from './object-fetches.js';
import { isIntact } from './plan/local-check.js';
import { nameProblem, parentOf } from './plan/mirror-paths.js';

/** What came of looking at one key. */
export type KeyCheckResult =
  | { readonly kind: 'fetched'; readonly bytes: number }
  | { readonly kind: 'deleted' }
  | { readonly kind: 'same' }
  /** Only a comparison of the whole prefix can tell what to do. */
  | { readonly kind: 'unclear' };

interface KeyCheckServices {
  readonly state: MirrorState;
  readonly target: MirrorTarget;
  readonly fetches: ObjectFetches;
}

/**
 * Makes one path what S3 holds of it now, whatever the event was that led here. What is not plain (directories, names that
 * are files and directories, objects that cannot be fetched) is left to a pass.
 */
export async function checkKey(
  { state, target, fetches }: KeyCheckServices,
  { name }: MirrorPrefix,
  call: Call,
  path: string,
): Promise<KeyCheckResult> {
  const isPlain = !path.endsWith('/') && nameProblem(path, target.disk.maxPathBytes) === null;
  if (!isPlain || target.disk.foldsCase) return { kind: 'unclear' };
  const entry = await state.find(name, path);
  const missing = await missingParents(state, name, path);
  if (missing === null || (await state.find(name, `${path}/`)) !== null) return { kind: 'unclear' };
  const isThere = entry !== null && (await isIntact(entry, target.disk.root));
  const known = { entry, isIntact: isThere, newDirectories: missing };
  const outcome = await fetches.fetch(call, target, path, null, known);
  switch (outcome.kind) {
    case 'placed':
      return { kind: 'fetched', bytes: outcome.bytes };
    case 'same':
      return { kind: 'same' };
    case 'problem':
      return { kind: 'unclear' };
    case 'absent':
      if (entry === null) return { kind: 'same' };
      await target.committer.commit({ kind: entry.stamp === null ? 'forget' : 'delete', path });
      fetches.removed(path, entry);
      await removeEmptyParents(state, name, target, path);
      return { kind: 'deleted' };
  }
}

/** The directories above that are not known yet, the uppermost first; null when one of them is known as a file. */
async function missingParents(
  state: MirrorState,
  name: string,
  path: string,
): Promise<readonly string[] | null> {
  const missing: string[] = [];
  for (let parent = parentOf(path); parent !== ''; parent = parentOf(parent)) {
    if ((await state.find(name, parent)) !== null) break;
    if ((await state.find(name, parent.slice(0, -1))) !== null) return null;
    missing.unshift(parent);
  }
  return missing;
}

/** The directories above that are empty without this path, and that no marker keeps. */
export async function removeEmptyParents(
  state: MirrorState,
  name: string,
  target: MirrorTarget,
  path: string,
): Promise<void> {
  for (let parent = parentOf(path); parent !== ''; parent = parentOf(parent)) {
    const directory = await state.find(name, parent);
    if (directory === null || directory.object !== null || (await state.holdsBelow(name, parent))) return;
    await target.committer.commit({ kind: 'remove-directory', path: parent });
  }
}
