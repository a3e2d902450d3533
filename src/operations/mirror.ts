import { remoteMirror } from '../api/control-client.js';
import { buildMirror } from '../assembly/mirror.js';
import { lockRoot } from '../assembly/root-lock.js';
import type { Mirror } from '../mirror/mirror.js';
import { Fault, isFault } from '../model/fault.js';
import type { MirrorAction } from '../model/mirror.js';
import type { LiveMirrorStatus, MirrorRunEvent } from '../model/mirror-runs.js';
import type { OpenRoot } from './open-root.js';

/**
 * One pass over each of these prefixes (null: all): by the gateway when one runs on the root, else in this process, which then holds
 * the root's lock. Faults: `not-found` (a name), `cancelled`, `unavailable` and `timed-out` (a gateway runs and does not answer).
 */
export async function runMirrorPasses(
  opened: OpenRoot,
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

/** What passes would do now. Needs no gateway, and hinders none. */
export async function* planMirrorPasses(
  opened: OpenRoot,
  names: readonly string[] | null,
): AsyncGenerator<{ readonly name: string; readonly actions: readonly MirrorAction[] }> {
  await using mirror = buildMirror(opened.settings, opened, opened.log, () => false);
  const wanted = names ?? (await mirror.status()).map(({ name }) => name);
  for (const name of wanted) {
    for await (const actions of mirror.dryRun(name)) yield { name, actions };
  }
}

export interface MirrorStatus {
  /** A gateway has answered: what it knows, else what was last written down. */
  readonly isLive: boolean;
  readonly mirrors: readonly LiveMirrorStatus[];
}

/** Every prefix of the root with what is known of it. */
export async function mirrorStatus(opened: OpenRoot): Promise<MirrorStatus> {
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

/** Null when another process serves the root. */
async function lockUnlessServed({ settings }: OpenRoot): Promise<AsyncDisposable | null> {
  try {
    return await lockRoot(settings, 'another process serves this root');
  } catch (error) {
    if (isFault(error, 'conflict')) return null;
    throw error;
  }
}

async function askGateway(
  { settings, call }: OpenRoot,
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

/** Interrupted, the pass under way ends; what it had not finished is taken up by the next one. */
async function withMirror<T>(opened: OpenRoot, work: (mirror: Mirror) => Promise<T>): Promise<T> {
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
    throw new Fault('cancelled', 'interrupted; the next pass goes on where this one ended', { cause: error });
  } finally {
    call.signal.removeEventListener('abort', end);
    await end();
  }
}
