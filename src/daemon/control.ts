import { startControlEndpoint } from '../api/control-endpoint.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import { systemEntropy } from '../assembly/system.js';
import type { BanAdministration } from '../model/bans.js';
import type { Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { MirrorRuns } from '../model/mirror-runs.js';

/**
 * Serves commands on the root's control socket. If the socket cannot be created, logs the reason; the gateway
 * runs without it.
 */
export async function startControl(
  { paths }: LiveSettings,
  { mirror, bans }: { readonly mirror: MirrorRuns; readonly bans: BanAdministration },
  log: Logger,
  resources: AsyncDisposableStack,
): Promise<void> {
  try {
    const path = paths.controlSocket;
    resources.use(await startControlEndpoint({ path, mirror, bans, log, entropy: systemEntropy }));
  } catch (error) {
    log.warn('control socket not available: commands cannot reach this gateway', {
      error: Fault.from(error),
    });
  }
}
