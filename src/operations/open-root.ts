import { createCommandLog } from '../assembly/command-log.js';
import { buildCore, type Core, s3OptionsOf } from '../assembly/core.js';
import { embeddedCredentials } from '../assembly/embedded.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import { openRootSettings } from '../assembly/root-settings.js';
import { announceCommand } from '../assembly/running-commands.js';
import { ensureDirectory, secretDirectoryMode } from '../files/durable.js';
import type { Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { S3StoreOptions } from '../s3/options.js';

/**
 * What commands that touch objects have of a root: the same rooms as the gateway, in a process of their own. The gateway may
 * run meanwhile: both share the database, each has a vault of its own.
 */
export interface OpenRoot extends Core, AsyncDisposable {
  readonly settings: LiveSettings;
  readonly s3: S3StoreOptions;
  readonly log: Logger;
}

/**
 * Opens a root for a command; nothing is asked of S3 yet. Aborting the signal cancels what is under way. The objects are those
 * of the root's embedded server where that is what the root has used; it has to run then, inside the gateway or alone.
 * Faults: `invalid` (settings), `not-found` (an embedded server that never ran), those of the database.
 */
export async function openRoot(root: string, signal: AbortSignal): Promise<OpenRoot> {
  await using resources = new AsyncDisposableStack();
  const { settings, embedded } = await openSettings(root);
  const log = createCommandLog(process.stderr);
  for (const directory of [settings.paths.stateDirectory, settings.paths.scratchDirectory]) {
    await ensureDirectory(directory, secretDirectoryMode);
  }
  const background = new AbortController();
  const abort = () => background.abort();
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  resources.defer(() => signal.removeEventListener('abort', abort));
  const s3 = s3OptionsOf(settings.current, embedded);
  const core = await buildCore(settings, s3, log, background, resources);
  const running = await announceCommand(settings.paths.runningCommandsDirectory, core.call.id);
  resources.defer(() => running.release());
  const owned = resources.move();
  return { ...core, settings, s3, log, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function openSettings(root: string) {
  const { settings, embedded } = await openRootSettings(root);
  if (embedded === null) return { settings, embedded };
  const credentials = await embeddedCredentials(settings);
  if (credentials === null) {
    throw new Fault(
      'not-found',
      `the embedded S3 server of ${settings.paths.root} has no credentials: start it once`,
    );
  }
  return { settings, embedded: { endpoint: embedded.endpoint, credentials } };
}
