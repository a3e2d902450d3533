import { commandScribe } from '../../assembly/audit.js';
import { createCommandLog } from '../../assembly/command-log.js';
import { databaseNameOf, openRootDatabase, postgresOptionsOf } from '../../assembly/database.js';
import { LiveSettings } from '../../assembly/live-settings.js';
import { systemEntropy } from '../../assembly/system.js';
import { nodeIdOf } from '../../audit/node-id.js';
import type { AuditScribe } from '../../audit/scribe.js';
import { ClusterRoot } from '../../database/cluster/cluster-root.js';
import type { GatewayDatabase } from '../../database/database.js';
import { GatewayIdentity } from '../../keyring/gateway-identity.js';
import type { Logger } from '../../model/call.js';
import { Fault } from '../../model/fault.js';

/** A root and its PostgreSQL database, as the commands of a cluster use them. */
export interface OpenCluster extends AsyncDisposable {
  readonly settings: LiveSettings;
  readonly database: GatewayDatabase;
  /** The name of the database, for people. */
  readonly name: string;
  readonly cluster: ClusterRoot;
  readonly identity: GatewayIdentity;
  /** The id of the root among the nodes. */
  readonly node: string;
  readonly log: Logger;
  /** Records what the command does. */
  readonly scribe: AuditScribe;
}

/** Opens a root and its database. Throws `invalid` (settings, or SQLite) and the database's faults. */
export async function openCluster(root: string): Promise<OpenCluster> {
  const settings = await LiveSettings.open(root, false);
  if (postgresOptionsOf(settings) === null) {
    throw new Fault(
      'invalid',
      'a cluster needs a PostgreSQL database: set database.url, and move the data with `sftpgw database migrate` if the gateway has run before',
    );
  }
  const database = await openRootDatabase(settings, 'command');
  const log = createCommandLog(process.stderr);
  return {
    ...{ settings, database, name: databaseNameOf(settings), cluster: new ClusterRoot(database) },
    identity: new GatewayIdentity(settings.paths.keyringIdentityFile),
    node: nodeIdOf(settings.paths.nodeIdFile, systemEntropy, null),
    log,
    scribe: commandScribe(settings, log),
    [Symbol.asyncDispose]: () => database.close(),
  };
}

/** The fault of a database without a cluster. */
export function noCluster(name: string): Fault {
  return new Fault(
    'not-found',
    `the ${name} has no cluster: run \`sftpgw cluster init\` on the first machine`,
  );
}
