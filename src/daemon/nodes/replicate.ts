import type { Core } from '../../assembly/core.js';
import { openRootDatabase } from '../../assembly/database.js';
import type { LiveSettings } from '../../assembly/live-settings.js';
import { systemClock, systemEntropy } from '../../assembly/system.js';
import { nodeIdOf } from '../../audit/node-id.js';
import type { Call, Clock, Logger } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { openReplication } from '../../operations/cluster/replication.js';

/** How often a gateway checks whether its database has got a cluster, in milliseconds. */
const openMs = 2_000;

/**
 * Receives the files that other nodes have changed while this one was stopped, and sends those that were changed here.
 * Call it before the settings are used, if they have `cluster=yes`. Does nothing before `cluster init`. Throws `key-mismatch` if the root has
 * another identity than the cluster, and the database's faults.
 */
export async function receiveFiles(settings: LiveSettings, log: Logger): Promise<void> {
  const database = await openRootDatabase(settings, 'command');
  try {
    const replicator = await openReplication({
      ...{ paths: settings.paths, database, log },
      node: rootNodeId(settings),
    });
    await replicator?.settle(new AbortController().signal);
  } finally {
    await database.close();
  }
}

/** Shares the files of this root with the other nodes until the call is cancelled. Waits for `cluster init`. */
export async function replicateFiles(
  settings: LiveSettings,
  { database }: Pick<Core, 'database'>,
  call: Call,
  clock: Clock = systemClock,
): Promise<void> {
  if (database.owner === null || !settings.current.cluster) return;
  const root = { paths: settings.paths, database, node: rootNodeId(settings), log: call.log };
  let isFailing = false;
  while (!call.signal.aborted) {
    try {
      const replicator = await openReplication(root);
      if (replicator !== null) {
        await replicator.watch(call, (listener) => database.hints?.listen(listener));
        return;
      }
      isFailing = false;
    } catch (error) {
      if (call.signal.aborted) return;
      if (!isFailing) call.log.error('files not synchronised', { error: Fault.from(error) });
      isFailing = true;
    }
    await clock.sleep(openMs, call.signal).catch(() => undefined);
  }
}

function rootNodeId({ paths }: LiveSettings): string {
  return nodeIdOf(paths.nodeIdFile, systemEntropy, null);
}
