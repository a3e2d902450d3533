import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../support/cluster.js';
import type { TestUser } from '../support/gateway.js';
import { postgresMissing } from '../support/postgres-server.js';
import { s3Targets } from '../support/s3-targets.js';
import { requestBytes, SftpClient } from '../support/sftp-client.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

/** Requests of an upload of several parts. */
const requests = 80;
/** The time in milliseconds without a write after which a client counts as silent. */
const silenceMs = 5_000;

for (const target of await s3Targets()) {
  const skip = target.skip ?? missing('sftp', 'ssh', 'ssh-keygen') ?? postgresMissing();
  describe.skipIf(skip !== null)(
    `interrupted uploads of two gateways on one database, over ${target.name}${skip === null ? '' : ` (${skip})`}`,
    () => {
      const content = randomBytes(requests * requestBytes + 1_000);
      let cluster: Cluster;
      let user: TestUser;
      let userOfSecond: TestUser;

      beforeAll(async () => {
        cluster = await Cluster.start(target);
        ({ user, userOfSecond } = cluster);
      });
      afterAll(async () => {
        await cluster?.[Symbol.asyncDispose]();
      });

      /** Sends the content without its last bytes, and leaves the file open. */
      async function begin(client: SftpClient, name: string): Promise<Uint8Array> {
        const flags = { write: true, create: true, truncate: true };
        const handle = await client.open(`/uploads/${name}`, flags);
        for (let index = 0; index < requests; index += 1) {
          const from = index * requestBytes;
          await client.write(handle, from, content.subarray(from, from + requestBytes));
        }
        return handle;
      }

      function sizeOf(client: SftpClient, name: string): Promise<number | null> {
        return client.attributes({ type: 'stat', path: Buffer.from(`/uploads/${name}`) }).then(
          ({ size }) => size ?? null,
          () => null,
        );
      }

      /** Resumes with OpenSSH's client, which asks for the size first. */
      async function resume(as: TestUser, name: string): Promise<void> {
        const source = join(cluster.directory, `${name}.source`);
        writeFileSync(source, content);
        await as.sftpOk(`reput ${source} /uploads/${name}`);
      }

      const parked = async () =>
        (await cluster.server.run(cluster.database, 'select row_id from parked_upload')).length;

      it('resume on the other one while the first one lives', async () => {
        {
          await using client = await SftpClient.connect(user);
          await begin(client, 'parked');
        }
        await eventually('it is parked', async () => (await parked()) === 1);
        await using ofFirst = await SftpClient.connect(user);
        await using ofSecond = await SftpClient.connect(userOfSecond);
        const sizes = [await sizeOf(ofFirst, 'parked'), await sizeOf(ofSecond, 'parked')];
        expect(sizes).toEqual([expect.any(Number), sizes[0]]);
        await resume(userOfSecond, 'parked');
        expect(await sizeOf(ofFirst, 'parked')).toBe(content.byteLength);
        for (const as of [user, userOfSecond]) {
          expect((await cluster.get(as, 'parked')).equals(content)).toBe(true);
        }
        expect([await parked(), await cluster.pending()]).toEqual([0, []]);
      });

      it('resume on the other one while the connection to the first one hangs', async () => {
        await using hanging = await SftpClient.connect(user);
        const handle = await begin(hanging, 'hanging');
        const silentMs = performance.now();
        await using ofSecond = await SftpClient.connect(userOfSecond);
        // A client that is not silent keeps its upload.
        expect(await sizeOf(ofSecond, 'hanging')).toBeNull();
        await eventually('it is released', async () => (await sizeOf(ofSecond, 'hanging')) !== null, 20_000);
        const tookMs = performance.now() - silentMs;
        console.log(`released ${Math.round(tookMs)} ms after the last write`);
        expect(tookMs).toBeGreaterThan(silenceMs - 500);
        expect(tookMs).toBeLessThan(silenceMs + 4_000);
        await resume(userOfSecond, 'hanging');
        await expect(hanging.write(handle, content.byteLength - 1_000, Buffer.from('x'))).rejects.toThrow(
          /taken over/,
        );
        expect((await cluster.get(user, 'hanging')).equals(content)).toBe(true);
        expect([await parked(), await cluster.pending()]).toEqual([0, []]);
      });

      it('are removed and replaced on the other one', async () => {
        {
          await using client = await SftpClient.connect(user);
          await begin(client, 'removed');
          await begin(client, 'replaced');
        }
        await eventually('both are parked', async () => (await parked()) === 2);
        await userOfSecond.sftpOk('rm /uploads/removed');
        await cluster.put(userOfSecond, 'replaced', Buffer.from('new'));
        expect([await parked(), await cluster.pending()]).toEqual([0, []]);
        await using ofFirst = await SftpClient.connect(user);
        expect([await sizeOf(ofFirst, 'removed'), await sizeOf(ofFirst, 'replaced')]).toEqual([null, 3]);
        await cluster.verify();
      });
    },
  );
}
