import type { Core } from '../../assembly/core.js';
import { systemClock, systemEntropy } from '../../assembly/system.js';
import { nodeNameOf } from '../../audit/node-id.js';
import { NodeRequests } from '../../database/cluster/node-requests.js';
import { NodeSessions } from '../../database/cluster/node-sessions.js';
import { NodeUploadRows } from '../../database/cluster/node-uploads.js';
import { DatabaseSharedLogins } from '../../database/cluster/shared-logins.js';
import type { LiveSessions } from '../../live/live-sessions.js';
import type { SessionAdministration } from '../../model/live.js';
import type { WorkerPlace } from '../../model/nodes.js';
import type { NodeUploads } from '../../model/parked-uploads.js';
import type { LoginDefence } from '../../sftp/defence/login-defence.js';
import { ClusterSessions } from './cluster-sessions.js';
import { NodeSync } from './node-sync.js';
import { nodeUploads } from './upload-release.js';

/** The link of a gateway to the other nodes. */
export interface NodeLink {
  readonly sync: NodeSync;
  readonly uploads: NodeUploads;
  /** The sessions of all nodes. */
  readonly sessions: SessionAdministration;
}

/**
 * Connects the sessions and the defence of a gateway with the other nodes, and learns their bans. Returns null if
 * one gateway uses the database: it then has no further statements. Throws `cancelled`.
 */
export async function linkNodes(
  { database, call }: Pick<Core, 'database' | 'call'>,
  live: LiveSessions,
  defence: LoginDefence,
  place: WorkerPlace | null,
): Promise<NodeLink | null> {
  const { owner } = database;
  if (owner === null) return null;
  const sessions = new NodeSessions(database, owner);
  const requests = new NodeRequests(database, owner, systemClock, systemEntropy);
  const logins = new DatabaseSharedLogins(database);
  const sync = new NodeSync({ sessions, requests, logins, live, defence, clock: systemClock });
  const { signal } = call;
  const of = { live, sessions, requests, nodeName: nodeNameOf(place), clock: systemClock, signal };
  const cluster = new ClusterSessions(of);
  cluster.serve(sync);
  await sync.once(call);
  const uploads = nodeUploads(new NodeUploadRows(database, owner), requests, systemClock);
  return { sync, uploads, sessions: cluster };
}
