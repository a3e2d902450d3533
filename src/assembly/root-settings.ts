import { LiveSettings } from './live-settings.js';
import { type EmbeddedRun, readEmbeddedRun } from './run-file.js';

/** The settings of a root, and its embedded S3 server if it uses one. */
export interface RootSettings {
  readonly settings: LiveSettings;
  /** The embedded server that stores the root's objects; null if another S3 server does. */
  readonly embedded: EmbeddedRun | null;
}

/**
 * Opens the settings of a root for a command and finds out whether the root uses its embedded server. Throws
 * as `openSettingsFile`.
 */
export async function openRootSettings(root: string): Promise<RootSettings> {
  const configured = await LiveSettings.open(root, false);
  const run = await readEmbeddedRun(configured.paths.runFile);
  if (run === null || configured.current.endpoint !== null) return { settings: configured, embedded: null };
  return { settings: await LiveSettings.open(root, true), embedded: run };
}
