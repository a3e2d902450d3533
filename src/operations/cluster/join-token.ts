import { systemEntropy } from '../../assembly/system.js';
import { Fault } from '../../model/fault.js';
import { JoinToken } from '../../replication/join-token.js';
import { noCluster, openCluster } from './open-cluster.js';

/**
 * Creates a token with which one machine may join within `lifetimeMs` milliseconds, and returns it. Throws
 * `not-found` (no cluster, or no identity) and the database's faults.
 */
export async function createJoinToken(root: string, lifetimeMs: number): Promise<string> {
  await using opened = await openCluster(root);
  const { cluster, name, identity, scribe } = opened;
  if ((await cluster.identity()) === null) throw noCluster(name);
  const own = await identity.read();
  if (own === null) {
    throw new Fault(
      'not-found',
      `${identity.path} does not exist: run the command on a machine of the cluster`,
    );
  }
  const token = JoinToken.create(systemEntropy);
  const sealed = await token.seal(own.secret);
  await scribe.change({ action: 'cluster.token', details: { seconds: Math.round(lifetimeMs / 1000) } }, () =>
    cluster.addToken(token.hash, sealed, lifetimeMs),
  );
  return token.text;
}
