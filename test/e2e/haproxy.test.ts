import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rootPaths } from '../../src/config/paths.js';
import { Cluster } from '../support/cluster.js';
import { freePort } from '../support/free-port.js';
import type { Gateway, TestUser } from '../support/gateway.js';
import { Haproxy } from '../support/haproxy.js';
import { postgresMissing } from '../support/postgres-server.js';
import { embeddedSkip, s3Targets } from '../support/s3-targets.js';
import { requestBytes, SftpClient } from '../support/sftp-client.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const skip = embeddedSkip ?? missing('sftp', 'ssh', 'ssh-keygen', 'haproxy') ?? postgresMissing();

describe.skipIf(skip !== null)(`two gateways behind HAProxy${skip === null ? '' : ` (${skip})`}`, () => {
  let cluster: Cluster;
  let proxy: Haproxy;
  let user: TestUser;

  beforeAll(async () => {
    const [target] = await s3Targets();
    if (target === undefined) throw new Error('there is no S3 server');
    const metrics = [await freePort(), await freePort()] as const;
    const properties = { 'sftp.proxy.from': '127.0.0.1', 'drain.delay': '3s', 'drain.timeout': '1s' };
    cluster = await Cluster.start(
      target,
      { ...properties, 'metrics.listen': `127.0.0.1:${metrics[0]}` },
      { 'metrics.listen': `127.0.0.1:${metrics[1]}` },
    );
    for (const port of metrics) {
      await eventually('it is ready', async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).ok);
    }
    proxy = await Haproxy.start([
      { name: 'node1', sftpPort: cluster.first.sftpPort, metricsPort: metrics[0] },
      { name: 'node2', sftpPort: cluster.second.sftpPort, metricsPort: metrics[1] },
    ]);
    user = cluster.user.through(proxy.port);
  });
  afterAll(async () => {
    await proxy?.[Symbol.asyncDispose]();
    await cluster?.[Symbol.asyncDispose]();
  });

  /** Returns the numbers of sessions of the nodes that have some. */
  async function sessions(): Promise<readonly number[]> {
    const query = 'select node, count(*) as n from node_session group by node';
    return (await cluster.server.run(cluster.database, query)).map((row) => Number(row['n']));
  }

  async function connect(count: number): Promise<AsyncDisposableStack> {
    const clients = new AsyncDisposableStack();
    for (let index = 0; index < count; index += 1) clients.use(await SftpClient.connect(user));
    return clients;
  }

  /** Waits until so many nodes share the sessions, each with at least a third of them. */
  const settle = (total: number, nodes: number) =>
    eventually(`${total} sessions on ${nodes} nodes`, async () => {
      const counts = await sessions();
      const sum = counts.reduce((one, other) => one + other, 0);
      return sum === total && counts.length === nodes && counts.every((count) => count * 3 >= total);
    });

  /** Stops a node while new clients connect all the time. Returns how many did, each of which could. */
  async function stopWhileClientsConnect(node: Gateway): Promise<number> {
    let isOver = false;
    const end = node.end('SIGTERM').finally(() => {
      isOver = true;
    });
    let connected = 0;
    while (!isOver) {
      await using client = await SftpClient.connect(user);
      await client.list('/uploads');
      connected += 1;
    }
    expect(await end).toBe(0);
    return connected;
  }

  it('share the clients, and see their addresses', async () => {
    await using clients = await connect(6);
    await settle(6, 2);
    const { stdout } = await cluster.first.cli(['sessions', '--json']);
    const listed = JSON.parse(stdout) as readonly { readonly address: string }[];
    expect(listed.map(({ address }) => address)).toEqual(Array(6).fill('127.0.0.1'));
    expect(clients.disposed).toBe(false);
  });

  it('get no new clients while they drain, and no client is refused', async () => {
    const connected = await stopWhileClientsConnect(cluster.first);
    expect(connected).toBeGreaterThan(5);
    expect(proxy.output).toMatch(/nodes\/node1 is DOWN/);
    {
      await using _clients = await connect(3);
      await settle(3, 1);
    }
    await cluster.first.serve();
    await eventually('the first one is up', () => /nodes\/node1 is UP/.test(proxy.output));
    await settle(0, 0);
    await using _clients = await connect(4);
    await settle(4, 2);
  });

  it('resume an upload on the other one that one has interrupted by its stop', async () => {
    const content = randomBytes(80 * requestBytes + 7);
    const source = join(cluster.directory, 'resumed.source');
    writeFileSync(source, content);
    await settle(0, 0);
    await using client = await SftpClient.connect(user);
    const flags = { write: true, create: true, truncate: true };
    const handle = await client.open('/uploads/resumed', flags);
    for (let index = 0; index < 80; index += 1) {
      const from = index * requestBytes;
      await client.write(handle, from, content.subarray(from, from + requestBytes));
    }
    await settle(1, 1);
    const [row] = await cluster.server.run(cluster.database, 'select node from node_session');
    const idOf = (node: Gateway) => readFileSync(rootPaths(node.root).nodeIdFile, 'utf8').trim();
    const holder = [cluster.first, cluster.second].find((node) => idOf(node) === row?.['node']);
    expect(await holder?.end('SIGTERM')).toBe(0);
    await user.sftpOk(`reput ${source} /uploads/resumed`);
    await holder?.serve();
    expect((await cluster.get(user, 'resumed')).equals(content)).toBe(true);
    await cluster.verify();
  });

  it('take the clients of one that was killed', async () => {
    await eventually('both are up', async () => {
      await using _clients = await connect(4);
      return (await sessions()).length === 2;
    });
    await using _before = await connect(4);
    await cluster.first.end('SIGKILL');
    for (let turn = 0; turn < 10; turn += 1) {
      await using client = await SftpClient.connect(user);
      await client.list('/uploads');
    }
    await cluster.verify();
    await cluster.first.serve();
  });
});
