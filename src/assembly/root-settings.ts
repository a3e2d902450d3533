import { type EmbeddedRun, readEmbeddedRun } from './run-file.js';
import { SettingsInForce } from './settings-in-force.js';

export interface RootSettings {
  readonly settings: SettingsInForce;
  /** Where the embedded server listens whose objects are those of the root; null when S3 is somewhere else. */
  readonly embedded: EmbeddedRun | null;
}

/** The settings of a root for a command, which cannot be told whether the gateway runs with its embedded server. Faults as `openSettingsFile`. */
export async function openRootSettings(root: string): Promise<RootSettings> {
  const configured = await SettingsInForce.open(root, false);
  const run = await readEmbeddedRun(configured.paths.runFile);
  if (run === null || configured.current.endpoint !== null) return { settings: configured, embedded: null };
  return { settings: await SettingsInForce.open(root, true), embedded: run };
}
