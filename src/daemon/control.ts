import { startControlEndpoint } from '../http/control-endpoint.js';
import type { Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { MirrorRuns } from '../model/mirror-runs.js';
import type { Closers } from './closers.js';
import type { SettingsInForce } from './settings-in-force.js';
import { systemEntropy } from './system.js';

/** Takes commands on the root's control socket. A gateway serves without one too: what keeps it from being made is logged. */
export async function startControl(
  { paths }: SettingsInForce,
  mirror: MirrorRuns,
  log: Logger,
  closers: Closers,
): Promise<void> {
  try {
    const path = paths.controlSocket;
    closers.use(await startControlEndpoint({ path, mirror, log, entropy: systemEntropy }));
  } catch (error) {
    log.warn('commands cannot reach this gateway while it runs', { error: Fault.from(error) });
  }
}
