import { changeSettingsFile } from '../../config/settings-file.js';
import { Fault } from '../../model/fault.js';
import { RootSeal } from '../../replication/root-seal.js';
import { openCluster } from './open-cluster.js';
import { createReplicator } from './replication.js';

/** The result of `cluster init`. */
export interface InitialisedCluster {
  readonly database: string;
  readonly files: number;
  /** Sentences about files that were not stored. */
  readonly problems: readonly string[];
  /** True if `cluster=yes` was set, which takes effect after a restart. */
  readonly isSettingChanged: boolean;
}

/**
 * Stores the files of this root in its database, as those of a new cluster, and sets `cluster=yes`. The gateway may run.
 * Repeating it after an interruption begins again. Throws `invalid` (no PostgreSQL), `exists` (the database has a
 * cluster) and the faults of the database and the keyring.
 */
export async function initCluster(root: string, signal: AbortSignal): Promise<InitialisedCluster> {
  await using opened = await openCluster(root);
  const { settings, database, name, cluster, identity, node, log, scribe } = opened;
  if ((await cluster.identity()) !== null) throw hasCluster(name);
  await cluster.clear();
  await identity.readOrMake();
  const seal = await RootSeal.open(identity);
  const replicator = await createReplicator({ paths: settings.paths, database, node, log }, seal);
  const isSettingChanged = !settings.current.cluster;
  if (isSettingChanged) await changeSettingsFile(root, { cluster: 'yes' });
  await replicator.settle(signal);
  await scribe.change({ action: 'cluster.init', details: { database: name } }, async () => {
    if (!(await cluster.create(seal.identityDigest))) throw hasCluster(name);
  });
  const status = await cluster.status();
  return {
    ...{ database: name, files: status?.files ?? 0, isSettingChanged },
    problems: replicator.report.problems,
  };
}

function hasCluster(name: string): Fault {
  return new Fault(
    'exists',
    `the ${name} has a cluster: run \`sftpgw cluster token\` on one of its machines, and \`sftpgw cluster join\` on a new one`,
  );
}
