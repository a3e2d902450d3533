import { commandScribe } from '../assembly/audit.js';
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

/** The services of a root, of a command or of the running gateway. */
export interface RootServices extends Core {
  readonly settings: LiveSettings;
  readonly s3: S3StoreOptions;
  readonly log: Logger;
}

/**
 * An open root, with the gateway's services in the process of a command. The gateway may run at the same
 * time: both use the same database, and each has its own vault.
 */
export interface OpenRoot extends RootServices, AsyncDisposable {}

/**
 * Opens a root for a command without a request to S3. Aborting the signal cancels running work. If the root
 * uses an embedded server, its objects are meant, and that server must run, inside the gateway or alone.
 * Throws `invalid` (settings), `not-found` (the embedded server has never run), and faults of the database.
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
  const scribe = commandScribe(settings, log);
  const core = await buildCore(settings, s3, log, background, resources, async () => scribe, 'command');
  const running = await announceCommand(settings.paths.runningCommandsDirectory, core.call.id);
  resources.defer(() => running.release());
  const owned = resources.move();
  return { ...core, settings, log, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function openSettings(root: string) {
  const { settings, embedded } = await openRootSettings(root);
  if (embedded === null) return { settings, embedded };
  const credentials = await embeddedCredentials(settings);
  if (credentials === null) {
    throw new Fault(
      'not-found',
      `the embedded S3 server of ${settings.paths.root} has no credentials yet: start it once`,
    );
  }
  return { settings, embedded: { endpoint: embedded.endpoint, credentials } };
}
