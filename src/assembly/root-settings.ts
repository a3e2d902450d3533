import { LiveSettings } from './live-settings.js';
import { type EmbeddedRun, readEmbeddedRun } from './run-file.js';

export interface RootSettings {
  readonly settings: LiveSettings;
  /** Where the embedded server listens whose objects are those of the root; null when S3 is somewhere else. */
  readonly embedded: EmbeddedRun | null;
}

/** The settings of a root for a command, which cannot be told whether the gateway runs with its embedded server. Faults as `openSettingsFile`. */
export async function openRootSettings(root: string): Promise<RootSettings> {
  const configured = await LiveSettings.open(root, false);
  const run = await readEmbeddedRun(configured.paths.runFile);
  if (run === null || configured.current.endpoint !== null) return { settings: configured, embedded: null };
  return { settings: await LiveSettings.open(root, true), embedded: run };
}
