import type { Call } from '../model/call.js';
import type { MirrorPrefix, MirrorState } from '../model/mirror.js';
import type { MirrorTarget, ObjectFetches } from './object-fetches.js';
import { isIntact } from './plan/local-check.js';
import { nameProblem, parentOf } from './plan/mirror-paths.js';

/** Result of the check of one key. */
export type KeyCheckResult =
  | { readonly kind: 'fetched'; readonly bytes: number }
  | { readonly kind: 'deleted' }
  | { readonly kind: 'same' }
  /** Only a comparison of the whole prefix can decide. */
  | { readonly kind: 'unclear' };

interface KeyCheckServices {
  readonly state: MirrorState;
  readonly target: MirrorTarget;
  readonly fetches: ObjectFetches;
}

/**
 * Brings one path up to date with S3, whatever the event was. Leaves difficult cases to a pass: directories,
 * names that are both file and directory, and objects that cannot be fetched.
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

/**
 * Returns the parent directories that are not known yet, topmost first. Null if one of them is known as a
 * file.
 */
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

/** Removes parent directories that are empty without this path and have no marker. */
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
