import { remoteMirror } from '../api/control-client.js';
import { buildMirror } from '../assembly/mirror.js';
import { lockRoot } from '../assembly/root-lock.js';
import type { Mirror } from '../mirror/mirror.js';
import { Fault, isFault } from '../model/fault.js';
import type { MirrorAction } from '../model/mirror.js';
import type { LiveMirrorStatus, MirrorRunEvent } from '../model/mirror-runs.js';
import type { RootServices } from './open-root.js';

/**
 * Runs one pass over each of the named prefixes, or over all if `names` is null. A gateway that runs on the
 * root does the work; otherwise this process does, and holds the root's lock. Throws `not-found` (a name),
 * `cancelled`, `unavailable` and `timed-out` (a running gateway does not answer).
 */
export async function runMirrorPasses(
  opened: RootServices,
  names: readonly string[] | null,
  report: (event: MirrorRunEvent) => void,
): Promise<void> {
  const lock = await lockUnlessServed(opened);
  if (lock === null) {
    await askGateway(opened, names, report);
    return;
  }
  try {
    await withMirror(opened, (mirror) => mirror.run(names, report));
  } finally {
    await lock[Symbol.asyncDispose]();
  }
}

/** Returns the actions that a pass would take now, per prefix. Works with and without a running gateway. */
export async function* planMirrorPasses(
  opened: RootServices,
  names: readonly string[] | null,
): AsyncGenerator<{ readonly name: string; readonly actions: readonly MirrorAction[] }> {
  await using mirror = buildMirror(opened.settings, opened, opened.log, () => false);
  const wanted = names ?? (await mirror.status()).map(({ name }) => name);
  for (const name of wanted) {
    for await (const actions of mirror.dryRun(name)) yield { name, actions };
  }
}

/** The status of all mirrored prefixes of a root. */
export interface MirrorStatus {
  /** True if a running gateway answered; false if the status is the one last recorded in the database. */
  readonly isLive: boolean;
  readonly mirrors: readonly LiveMirrorStatus[];
}

/** Returns every prefix of the root with its status. */
export async function mirrorStatus(opened: RootServices): Promise<MirrorStatus> {
  const { settings, call } = opened;
  try {
    const mirrors = await remoteMirror(settings.paths.controlSocket, call.signal).liveStatus();
    return { isLive: true, mirrors };
  } catch (error) {
    if (!isFault(error, 'unavailable', 'invalid', 'timed-out', 'denied')) throw error;
  }
  const mirrors = await withMirror(opened, (mirror) => mirror.liveStatus());
  return { isLive: false, mirrors };
}

/** Locks the root. Returns null if another process serves it. */
async function lockUnlessServed({ settings }: RootServices): Promise<AsyncDisposable | null> {
  try {
    return await lockRoot(settings, 'another process serves this root');
  } catch (error) {
    if (isFault(error, 'conflict')) return null;
    throw error;
  }
}

async function askGateway(
  { settings, call }: RootServices,
  names: readonly string[] | null,
  report: (event: MirrorRunEvent) => void,
): Promise<void> {
  const { root, controlSocket } = settings.paths;
  try {
    await remoteMirror(controlSocket, call.signal).run(names, report);
  } catch (error) {
    if (!isFault(error, 'unavailable', 'invalid', 'timed-out')) throw error;
    const why = `a gateway or another command is running on ${root} and cannot be asked: ${error.hint}`;
    throw new Fault(error.kind, why, { cause: error });
  }
}

/**
 * Runs `work` with a mirror of this process. An interruption ends the pass; the next one resumes there.
 * Throws `cancelled`.
 */
async function withMirror<T>(opened: RootServices, work: (mirror: Mirror) => Promise<T>): Promise<T> {
  const { settings, log, call } = opened;
  const mirror = buildMirror(settings, opened, log, () => false);
  let ending: PromiseLike<void> | null = null;
  const end = () => {
    ending ??= mirror[Symbol.asyncDispose]();
    return ending;
  };
  call.signal.addEventListener('abort', end, { once: true });
  try {
    return await work(mirror);
  } catch (error) {
    if (!call.signal.aborted) throw error;
    throw new Fault('cancelled', 'interrupted; the next pass resumes where this one stopped', {
      cause: error,
    });
  } finally {
    call.signal.removeEventListener('abort', end);
    await end();
  }
}
