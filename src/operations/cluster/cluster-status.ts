import { databaseNameOf, openRootDatabase } from '../../assembly/database.js';
import { LiveSettings } from '../../assembly/live-settings.js';
import { workersOf } from '../../config/workers-setting.js';
import { ClusterRoot } from '../../database/cluster/cluster-root.js';
import { listNodes } from '../../database/cluster/nodes.js';
import type { ClusterNode, SharedFilesStatus } from '../../model/api/cluster.js';

/** The gateways on the database of a root. */
export interface ClusterStatus {
  /** The setting `cluster`. */
  readonly isClustered: boolean;
  /** The number of processes of the gateway. */
  readonly workers: number;
  /** The database, for people. */
  readonly database: string;
  /** Empty for a SQLite file that has never had several processes. */
  readonly nodes: readonly ClusterNode[];
  /** The files that the nodes share; null before `cluster init`. */
  readonly files: SharedFilesStatus | null;
}

/** Returns the gateways on the database of a root. Throws `invalid` (settings) and faults of the database. */
export async function clusterStatus(root: string): Promise<ClusterStatus> {
  const settings = await LiveSettings.open(root, false);
  const database = await openRootDatabase(settings, 'command');
  try {
    const nodes = await listNodes(database);
    const files = await new ClusterRoot(database).status();
    const { cluster: isClustered, workers } = settings.current;
    return { isClustered, workers: workersOf(workers), database: databaseNameOf(settings), nodes, files };
  } finally {
    await database.close();
  }
}
