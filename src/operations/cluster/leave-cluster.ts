import { rm } from 'node:fs/promises';
import { lockRoot } from '../../assembly/root-lock.js';
import { processIdsOf } from '../../audit/node-id.js';
import { changeSettingsFile } from '../../config/settings-file.js';
import { maxWorkers } from '../../config/workers-setting.js';
import { listNodes } from '../../database/cluster/nodes.js';
import { Fault } from '../../model/fault.js';
import { openCluster } from './open-cluster.js';
import { openReplication } from './replication.js';

/** The result of `cluster leave`. */
export interface LeftCluster {
  readonly database: string;
  /** The machines that are left; empty after the last one. */
  readonly machines: readonly string[];
}

/**
 * Removes this machine from its cluster: sends its last changes, removes its rows, and sets `cluster` back to no. Its files
 * stay. The gateway must have stopped; other nodes finish or undo its uploads. Throws `conflict` (it runs), `invalid`
 * (`cluster=no`) and the database's faults.
 */
export async function leaveCluster(root: string, signal: AbortSignal): Promise<LeftCluster> {
  await using opened = await openCluster(root);
  const { settings, database, name, cluster, node, log, scribe } = opened;
  const { paths } = settings;
  await using _lock = await lockRoot(
    settings,
    `the gateway of ${paths.root} is running: stop it first, so that its uploads end or are parked`,
  );
  if (!settings.current.cluster) {
    throw new Fault('invalid', `${paths.root} is not a machine of a cluster: cluster=no`);
  }
  const replicator = await openReplication({ paths, database, node, log });
  await replicator?.settle(signal);
  const ids = processIdsOf(node, maxWorkers);
  const machines = await scribe.change({ action: 'cluster.leave', details: { database: name } }, () =>
    cluster.removeMachine(ids),
  );
  await changeSettingsFile(root, { cluster: null });
  await rm(paths.replicationFile, { force: true });
  return { database: name, machines };
}

/**
 * Removes another machine, which is lost, from the cluster of a root. `id` is that of its first process. Throws
 * `not-found` for an unknown id, `conflict` for a machine that runs or for this one, and the database's faults.
 */
export async function removeLostMachine(root: string, id: string): Promise<LeftCluster> {
  await using opened = await openCluster(root);
  const { database, name, cluster, node, scribe } = opened;
  const ids = processIdsOf(id, maxWorkers);
  const nodes = (await listNodes(database)).filter((each) => ids.includes(each.id));
  if (!nodes.some((each) => each.id === id)) {
    throw new Fault(
      'not-found',
      `the ${name} has no machine ${id}: see \`sftpgw cluster status\` for the ids`,
    );
  }
  if (id === node) throw new Fault('conflict', 'this is the id of this machine: leave without --node');
  if (nodes.some(({ state }) => state === 'live')) {
    throw new Fault('conflict', `the machine ${id} runs: stop it, and run \`sftpgw cluster leave\` there`);
  }
  const event = { action: 'cluster.leave', target: id, details: { database: name } } as const;
  return { database: name, machines: await scribe.change(event, () => cluster.removeMachine(ids)) };
}
