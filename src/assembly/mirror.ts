import { nodeIdOf } from '../audit/node-id.js';
import { createObservedObjects } from '../database/ledger/observed.js';
import { createMirrorState } from '../database/mirror-state/mirror-state.js';
import { createMirror, type Mirror } from '../mirror/mirror.js';
import type { Logger } from '../model/call.js';
import type { MirrorState } from '../model/mirror.js';
import { createMirrorSources } from '../users/mirror-sources.js';
import type { Core } from './core.js';
import { mirrorSettingsOf } from './limits.js';
import type { LiveSettings } from './live-settings.js';
import { systemClock, systemEntropy } from './system.js';

/** Returns the state of this root's mirror. The processes of the root have the same disk. */
export function mirrorStateOf(settings: LiveSettings, { database }: Pick<Core, 'database'>): MirrorState {
  return createMirrorState(
    database,
    settings.current.cluster ? nodeIdOf(settings.paths.nodeIdFile, systemEntropy, null) : null,
  );
}

/** Creates the mirror of a root's download prefixes and its shared directory. It does not start yet. */
export function buildMirror(
  settings: LiveSettings,
  core: Core,
  log: Logger,
  hasEvents: (bucket: string) => boolean,
): Mirror {
  return createMirror({
    sources: createMirrorSources({ ...core.userServices, ...core }),
    store: core.store,
    vault: core.vault,
    state: mirrorStateOf(settings, core),
    observed: createObservedObjects(core.database, systemClock, systemEntropy),
    clock: systemClock,
    entropy: systemEntropy,
    log,
    settings: () => mirrorSettingsOf(settings.current),
    hasEvents,
    changed: (prefix, { result, fetched, fetchedBytes, deleted }) =>
      core.scribe.note({
        action: 'mirror.change',
        target: prefix,
        details: { pass: result, fetched, fetchedBytes, deleted },
      }),
  });
}
