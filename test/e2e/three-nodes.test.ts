import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LoginProbe } from '../support/chaos/login-probe.js';
import type { TestUser } from '../support/gateway.js';
import { nodesMissing, ThreeNodes } from '../support/nodes/three-nodes.js';
import { RollingUploads } from '../support/rolling-uploads.js';
import { embeddedSkip, s3Targets } from '../support/s3-targets.js';
import { SftpClient } from '../support/sftp-client.js';
import { eventually } from '../support/wait.js';

const skip = embeddedSkip ?? (await nodesMissing());

describe.skipIf(skip !== null)(`three nodes behind HAProxy${skip === null ? '' : ` (${skip})`}`, () => {
  let cluster: ThreeNodes;
  let user: TestUser;
  let source: string;
  const content = randomBytes(300_000);

  beforeAll(async () => {
    const [target] = await s3Targets();
    if (target === undefined) throw new Error('there is no S3 server');
    const properties = { 'drain.delay': '3s', 'drain.timeout': '1s' };
    cluster = await ThreeNodes.start(target, { users: ['nora'], checkInterval: '300ms', properties });
    await cluster.allReady();
    [user] = cluster.users as [TestUser];
    source = join(cluster.directory, 'source');
    writeFileSync(source, content);
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  async function readOnEach(name: string): Promise<readonly Buffer[]> {
    const found: Buffer[] = [];
    for (const { index } of cluster.nodes) {
      await using client = await SftpClient.connect(cluster.userOn(user, index));
      found.push(await client.readFile(`/uploads/${name}`));
    }
    return found;
  }

  it('store a file that each of them reads', async () => {
    await user.sftpOk(`put ${source} /uploads/file`);
    for (const found of await readOnEach('file')) expect(found.equals(content)).toBe(true);
  });

  it('are upgraded one after the other while clients transfer, and no login fails', async () => {
    const probe = new LoginProbe(user);
    const uploads = new RollingUploads(user, cluster.directory, 6);
    // The first node ends its sessions four seconds later. Each of their files has a part then, and is not complete.
    await eventually('half of each file is sent', () => uploads.sendingMs > 6_500);
    for (const node of cluster.nodes) {
      const known = uploads.stored.size;
      if (node !== cluster.nodes[0])
        await eventually('the clients store files', () => uploads.stored.size > known);
      expect(await node.stop()).toBe(0);
      await node.start();
      await cluster.allReady();
    }
    await uploads.stop();
    await probe.stop();
    const { interrupted, resumed, begunAgain, whole } = uploads.counts;
    console.log(`${probe.logins.length} logins; ${JSON.stringify(uploads.counts)} of ${uploads.stored.size}`);
    expect(probe.logins.filter(({ isOk }) => !isOk)).toEqual([]);
    expect(resumed).toBeGreaterThan(0);
    expect(resumed + begunAgain + whole).toBe(interrupted);
    await using client = await SftpClient.connect(user);
    for (const [name, stored] of uploads.stored) {
      expect((await client.readFile(`/uploads/${name}`)).equals(stored), name).toBe(true);
    }
  });

  it('continue after a failover of PostgreSQL, twice', async () => {
    for (const name of ['after', 'again']) {
      const began = performance.now();
      await cluster.pair.failOver();
      await eventually('a file is stored', async () => {
        return (await user.sftp(`put ${source} /uploads/${name}`)).code === 0;
      });
      console.log(`stored ${Math.round(performance.now() - began)} ms after the failover began`);
      await cluster.pair.rebuild();
    }
    await cluster.allReady();
    for (const found of await readOnEach('again')) expect(found.equals(content)).toBe(true);
  });
});
