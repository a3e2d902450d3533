import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodesMissing, ThreeNodes } from '../support/nodes/three-nodes.js';
import { embeddedSkip, s3Targets } from '../support/s3-targets.js';
import { SftpClient } from '../support/sftp-client.js';
import { eventually } from '../support/wait.js';

const skip = embeddedSkip ?? (await nodesMissing());

describe.skipIf(skip !== null)(`three nodes behind HAProxy${skip === null ? '' : ` (${skip})`}`, () => {
  let cluster: ThreeNodes;

  beforeAll(async () => {
    const [target] = await s3Targets();
    if (target === undefined) throw new Error('there is no S3 server');
    cluster = await ThreeNodes.start(target, { users: ['nora'], checkInterval: '300ms' });
    await cluster.allReady();
  });
  afterAll(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  it('store a file that each of them reads', async () => {
    const [user] = cluster.users;
    if (user === undefined) throw new Error('there is no user');
    const content = randomBytes(300_000);
    const source = join(cluster.directory, 'source');
    writeFileSync(source, content);
    await user.sftpOk(`put ${source} /uploads/file`);
    for (const { index } of cluster.nodes) {
      await using client = await SftpClient.connect(cluster.userOn(user, index));
      expect((await client.readFile('/uploads/file')).equals(content)).toBe(true);
    }
  });

  it('continue after a failover of PostgreSQL', async () => {
    const [user] = cluster.users;
    if (user === undefined) throw new Error('there is no user');
    const began = performance.now();
    await cluster.pair.failOver();
    await eventually('a file is stored', async () => {
      const { code } = await user.sftp(`put ${join(cluster.directory, 'source')} /uploads/after`);
      return code === 0;
    });
    console.log(`stored ${Math.round(performance.now() - began)} ms after the failover began`);
    await cluster.pair.rebuild();
    await cluster.pair.failOver();
    await eventually('a file is stored', async () => {
      const { code } = await user.sftp(`put ${join(cluster.directory, 'source')} /uploads/again`);
      return code === 0;
    });
    await cluster.pair.rebuild();
    await cluster.allReady();
  });
});
