import { LiveSettings } from '../../assembly/live-settings.js';
import { workersOf } from '../../config/workers-setting.js';

/** Returns how many processes of a root are to serve clients. Throws `invalid` for its settings. */
export async function processesOf(root: string, embedded: boolean): Promise<number> {
  const settings = await LiveSettings.open(root, embedded);
  return workersOf(settings.current.workers);
}
