import { setTimeout as delay } from 'node:timers/promises';
import { rootPaths } from '../../../src/config/paths.js';
import { ApiClient } from '../api-client.js';
import { copyRoot } from '../cluster.js';
import type { ClusterNode } from '../nodes/node.js';
import type { ThreeNodes } from '../nodes/three-nodes.js';
import type { SeededRandom } from '../random.js';

/** Jobs of the gateways that run while faults happen: rotations, checks of the ledger, and a webhook. */
export class ChaosJobs {
  /** Rotations and checks that were begun. */
  readonly begun = { rotations: 0, verifications: 0 };
  readonly #cluster: ThreeNodes;
  readonly #random: SeededRandom;
  /** The names of the users whose keys are rotated in turn. */
  readonly #rotated: readonly string[];

  constructor(cluster: ThreeNodes, random: SeededRandom, rotated: readonly string[]) {
    this.#cluster = cluster;
    this.#random = random;
    this.#rotated = rotated;
  }

  /** Adds a webhook that gets the uploads. */
  async addWebhook(): Promise<void> {
    const { receiver, services, nodes } = this.#cluster;
    const url = receiver.url.replace(/^https:..[^/]+/, services.webhooks);
    const body = { label: 'chaos', url, filter: { events: ['upload.finished'] } };
    const answer = await this.#post(nodes[0], '/api/webhooks', body);
    if (answer.status !== 201) throw new Error(`the webhook is refused: ${answer.bytes.toString()}`);
  }

  /** Begins a check of the ledger, and a rotation unless one runs. The cluster is whole meanwhile. */
  async begin(): Promise<void> {
    const node = this.#random.pick(this.#cluster.nodes);
    const verify = await this.#post(node, '/api/ledger/verify', { sample: 100, reads: true });
    if (verify.status === 202) this.begun.verifications += 1;
    if ((await this.unfinished()).some((each) => each.startsWith('rotation'))) return;
    const username = this.#rotated[this.begun.rotations % this.#rotated.length];
    const rotation = await this.#post(node, '/api/rotations', { username, objectsPerSecond: 3 });
    if (rotation.status >= 300) throw new Error(`the rotation is refused: ${rotation.bytes.toString()}`);
    this.begun.rotations += 1;
    // The other nodes need the new key.
    for (const other of this.#cluster.nodes) {
      if (other !== node) copyRoot(node.gateway, other.gateway);
    }
  }

  /** Returns the rotations and jobs that are not done. */
  async unfinished(): Promise<readonly string[]> {
    const rows = await this.#cluster.run(`
      select 'rotation of ' || username || ': ' || state || ' ' || coalesce(obstacle, '') as text
        from rotation_job where state <> 'done'
      union all select kind || ': ' || state || ' ' || coalesce(fault_text, '') from job where state <> 'done'`);
    return rows.map(({ text }) => String(text));
  }

  #post(node: ClusterNode | undefined, path: string, body: unknown) {
    if (node === undefined) throw new Error('there is no node');
    return ApiClient.onSocket(rootPaths(node.gateway.root).controlSocket, 'admin').request('POST', path, {
      body,
    });
  }
}

/** Counts the sessions of each user that count for the limits, once a second. Returns the maximum of each user. */
export async function watchSessions(
  cluster: ThreeNodes,
  isOver: () => boolean,
): Promise<ReadonlyMap<string, number>> {
  const most = new Map<string, number>();
  while (!isOver()) {
    const rows = await cluster
      .run(`select username, count(*) as sessions from node_session s join database_writer w
        on w.id = s.node and w.epoch = s.node_epoch where w.state = 'live' group by username`)
      .catch(() => []);
    for (const { username, sessions } of rows) {
      most.set(String(username), Math.max(most.get(String(username)) ?? 0, Number(sessions)));
    }
    await delay(1_000);
  }
  return most;
}
