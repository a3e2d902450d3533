import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WebhookReceiver } from '../../../src/webhooks/testing/receiver.js';
import { copyRoot } from '../cluster.js';
import { type ForeignS3, Gateway, type TestUser } from '../gateway.js';
import { Haproxy } from '../haproxy.js';
import type { PostgresServer } from '../postgres-server.js';
import { postgresMissing } from '../postgres-server.js';
import type { S3Target } from '../s3-targets.js';
import { missing } from '../tools.js';
import { eventually } from '../wait.js';
import { createCertificate } from './certificate.js';
import { NodeNetwork, namespacesMissing } from './network.js';
import { ClusterNode } from './node.js';
import { PostgresPair } from './postgres-pair.js';
import { Services } from './services.js';

/** The port of `/readyz` on each node. */
const metricsPort = 9_090;
const count = 3;

/** Returns the reason to skip a test of nodes in namespaces, or null. */
export async function nodesMissing(): Promise<string | null> {
  return (
    missing('sftp', 'ssh', 'ssh-keygen', 'haproxy', 'openssl') ??
    postgresMissing() ??
    (await namespacesMissing())
  );
}

/** The options of a cluster. */
export interface NodesOptions {
  /** Settings of all nodes. */
  readonly properties?: Readonly<Record<string, string>>;
  /** The names of the users. */
  readonly users: readonly string[];
  /** The time between two checks of `/readyz` by the balancer. */
  readonly checkInterval?: string;
}

/**
 * Three nodes in network namespaces of their own, behind HAProxy, on one PostgreSQL with a standby. They have equal
 * copies of one root.
 */
export class ThreeNodes implements AsyncDisposable {
  readonly directory: string;
  readonly network: NodeNetwork;
  readonly pair: PostgresPair;
  readonly receiver: WebhookReceiver;
  readonly services: Services;
  readonly balancer: Haproxy;
  readonly nodes: readonly ClusterNode[];
  readonly database: string;
  /** The users, who connect to the balancer. */
  readonly users: readonly TestUser[];
  readonly #stack: AsyncDisposableStack;

  private constructor(
    parts: Omit<ThreeNodes, 'server' | 'userOn' | 'run' | 'allReady' | typeof Symbol.asyncDispose>,
    stack: AsyncDisposableStack,
  ) {
    this.directory = parts.directory;
    this.network = parts.network;
    this.pair = parts.pair;
    this.receiver = parts.receiver;
    this.services = parts.services;
    this.balancer = parts.balancer;
    this.nodes = parts.nodes;
    this.database = parts.database;
    this.users = parts.users;
    this.#stack = stack;
  }

  /** Starts everything. The cluster closes the S3 server at its end. */
  static async start(target: S3Target, options: NodesOptions): Promise<ThreeNodes> {
    await using stack = new AsyncDisposableStack();
    const directory = mkdtempSync(join(tmpdir(), 'sftpgw-nodes-'));
    stack.defer(() => rmSync(directory, { recursive: true, force: true }));
    const bucket = await target.makeBucket();
    stack.defer(() => target.close());
    const network = stack.use(await NodeNetwork.create(count));
    const { gatewayAddress, databaseAddress } = network;
    const certificate = await createCertificate(directory, [gatewayAddress, databaseAddress]);
    const pair = stack.use(await PostgresPair.start(certificate));
    const database = await pair.primary.createDatabase();
    const receiver = stack.use(await WebhookReceiver.start());
    const { endpoint: s3 } = target;
    const services = stack.use(
      await Services.start({ network, certificate, pair, s3, receiver: receiver.url }),
    );
    const passwordFile = join(directory, 'database-password');
    writeFileSync(passwordFile, pair.primary.password, { mode: 0o600 });
    const properties = {
      'database.url': pair.primary.url(database, services.database),
      'database.password.file': passwordFile,
      'database.ca.file': certificate.certFile,
      cluster: 'yes',
      'sftp.proxy.from': gatewayAddress,
      'sftp.ban.exempt': '127.0.0.1',
      'webhooks.allow.private': `${gatewayAddress}/32`,
      'webhooks.ca.file': certificate.certFile,
      ...options.properties,
    };
    const foreign = { ...s3Of(target, bucket), endpoint: services.s3, caFile: certificate.certFile };
    const nodes: ClusterNode[] = [];
    for (let index = 0; index < count; index += 1) {
      const host = network.address(index);
      const gateway = await Gateway.prepare({
        s3: foreign,
        properties: { ...properties, 'metrics.listen': `${host}:${metricsPort}` },
        host,
        through: network.through(index),
      });
      stack.use(gateway);
      const node = new ClusterNode(gateway, index, network);
      stack.defer(async () => void (await node.kill()));
      nodes.push(node);
    }
    const users = await startNodes(nodes, options.users);
    const balancer = stack.use(
      await Haproxy.start(
        nodes.map(({ gateway, index }) => ({
          name: `node${index + 1}`,
          host: network.address(index),
          sftpPort: gateway.sftpPort,
          metricsPort,
        })),
        options.checkInterval,
      ),
    );
    return new ThreeNodes(
      {
        ...{ directory, network, pair, receiver, services, balancer, nodes, database },
        users: users.map((user) => user.through(balancer.port)),
      },
      stack.move(),
    );
  }

  /** The present primary of PostgreSQL. */
  get server(): PostgresServer {
    return this.pair.primary;
  }

  /** Returns a user who connects to one node only. */
  userOn(user: TestUser, node: number): TestUser {
    return user.through(this.balancer.nodePorts[node] ?? 0);
  }

  /** Runs SQL on the primary. */
  run(query: string): Promise<readonly Record<string, unknown>[]> {
    return this.server.run(this.database, query);
  }

  /** Waits until each node is ready. */
  async allReady(limitMs = 60_000): Promise<void> {
    for (const { index } of this.nodes) {
      const url = `http://${this.network.address(index)}:${metricsPort}/readyz`;
      const isReady = () =>
        fetch(url, { signal: AbortSignal.timeout(5_000) }).then(
          ({ ok }) => ok,
          () => false,
        );
      await eventually(`node ${index + 1} is ready`, isReady, limitMs);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack[Symbol.asyncDispose]();
  }
}

/** Starts the first node, adds the users there, and starts the others with copies of its root. */
async function startNodes(
  [first, ...others]: readonly ClusterNode[],
  names: readonly string[],
): Promise<readonly TestUser[]> {
  if (first === undefined) throw new Error('there are no nodes');
  await first.start();
  const users: TestUser[] = [];
  for (const name of names) users.push(await first.gateway.addUser(name));
  for (const other of others) {
    copyRoot(first.gateway, other.gateway);
    await other.start();
  }
  return users;
}

function s3Of({ region, credentials, endpoint, caFile }: S3Target, bucket: string): ForeignS3 {
  return { endpoint, caFile, region, bucket, ...credentials };
}
