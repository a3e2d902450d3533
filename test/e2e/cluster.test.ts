import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rootPaths } from '../../src/config/paths.js';
import { deadMs, gapMs } from '../../src/database/cluster/clock.js';
import { type Received, WebhookReceiver } from '../../src/webhooks/testing/receiver.js';
import { ApiClient } from '../support/api-client.js';
import { Cluster } from '../support/cluster.js';
import { Gateway, type TestUser } from '../support/gateway.js';
import { targetsOnce } from '../support/gateway-targets.js';
import { postgresMissing } from '../support/postgres-server.js';
import { s3Targets } from '../support/s3-targets.js';
import { requestBytes, SftpClient } from '../support/sftp-client.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

/** Max time in milliseconds from the death of a node until another one has settled its uploads. */
const settledMs = 20_000;

for (const target of targetsOnce(await s3Targets())) {
  const skip = target.skip ?? missing('sftp', 'ssh', 'ssh-keygen') ?? postgresMissing();
  describe.skipIf(skip !== null)(
    `two gateways on one database, over ${target.name}${skip === null ? '' : ` (${skip})`}`,
    () => {
      let cluster: Cluster;
      let first: Gateway;
      let second: Gateway;
      let user: TestUser;
      let userOfSecond: TestUser;

      beforeAll(async () => {
        cluster = await Cluster.start(target);
        ({ first, second, user, userOfSecond } = cluster);
      });
      afterAll(async () => {
        await cluster?.[Symbol.asyncDispose]();
      });

      const run = (query: string) => cluster.server.run(cluster.database, query);
      const put = (...asked: Parameters<Cluster['put']>) => cluster.put(...asked);
      const get = (...asked: Parameters<Cluster['get']>) => cluster.get(...asked);

      async function rotations(): Promise<readonly { readonly state: string; readonly rekeyed: number }[]> {
        const rows = await run('select state, counts from rotation_job');
        return rows.map(({ state, counts }) => {
          const { rekeyed } = JSON.parse(String(counts)) as { readonly rekeyed: number };
          return { state: String(state), rekeyed };
        });
      }

      /** Adds a webhook through one gateway. The other one has it too. */
      async function addWebhook(receiver: WebhookReceiver): Promise<void> {
        const client = ApiClient.onSocket(rootPaths(first.root).controlSocket, 'admin');
        const body = { label: receiver.url, url: receiver.url, filter: { events: ['upload.finished'] } };
        const { status, json } = await client.request('POST', '/api/webhooks', { body });
        expect([status, json]).toEqual([201, json]);
      }

      const keysOf = (received: readonly Received[]) =>
        received.map(({ message }) => String(message.data['objectKey'])).sort();

      it('store files of the same user, which both of them read', async () => {
        const contents = new Map<string, Buffer>();
        await Promise.all(
          [user, userOfSecond].map(async (as, index) => {
            for (const size of [0, 4_096, 300_000]) {
              const name = `file-${index}-${size}`;
              contents.set(name, randomBytes(size));
              await put(as, name, contents.get(name) ?? Buffer.alloc(0));
            }
          }),
        );
        for (const [name, content] of contents) {
          expect((await get(user, name)).equals(content)).toBe(true);
          expect((await get(userOfSecond, name)).equals(content)).toBe(true);
        }
        expect((await cluster.nodes()).map(({ state }) => state)).toEqual(['live', 'live']);
        await cluster.verify();
      });

      it('send each event to a webhook once', async () => {
        await using receiver = await WebhookReceiver.start();
        await addWebhook(receiver);
        const names = Array.from({ length: 8 }, (_, index) => `hook-${index}`);
        await Promise.all(
          names.map((name, index) => put(index % 2 === 0 ? user : userOfSecond, name, randomBytes(100))),
        );
        await eventually('all messages', () => receiver.accepted.length >= names.length, 30_000);
        await put(user, 'hook-last', randomBytes(100));
        await eventually('the last message', () => receiver.accepted.length > names.length, 30_000);
        expect(keysOf(receiver.accepted)).toEqual(
          [...names, 'hook-last'].map((name) => `clara/uploads/${name}`).sort(),
        );
        expect(receiver.requests).toHaveLength(names.length + 1);
      });

      it('continue after an outage of the database, in which none of them could be seen', async () => {
        await cluster.server.kill('SIGQUIT');
        const began = performance.now();
        await eventually('the outage is longer than a node may be unseen', () => {
          return performance.now() - began > deadMs + gapMs;
        });
        await cluster.server.restart();
        for (const [as, name] of [
          [user, 'outage-1'],
          [userOfSecond, 'outage-2'],
        ] as const) {
          await eventually(`${name} is stored`, () =>
            put(as, name, Buffer.from(name)).then(
              () => true,
              () => null,
            ),
          );
        }
        // Each of them shows itself, and asks for the other, several times.
        const sinceMs = performance.now();
        await eventually('the nodes have shown themselves', () => performance.now() - sinceMs > gapMs);
        expect((await cluster.nodes()).map(({ state }) => state)).toEqual(['live', 'live']);
        for (const gateway of [first, second]) expect(gateway.output).not.toMatch(/declared dead/);
        await cluster.verify();
      });

      it('resume an upload that was parked on one that stopped', async () => {
        const part = randomBytes(requestBytes);
        {
          await using client = await SftpClient.connect(user);
          const handle = await client.open('/uploads/parked', { write: true, create: true, truncate: true });
          for (let index = 0; index < 80; index += 1) {
            await client.write(handle, index * part.byteLength, part);
          }
        }
        const parked = () => run('select row_id from parked_upload');
        await eventually('it is parked', async () => (await parked()).length === 1);
        expect(await first.end('SIGTERM')).toBe(0);
        await using client = await SftpClient.connect(userOfSecond);
        const path = Buffer.from('/uploads/parked');
        const size = await eventually('the other one has it', () =>
          client.attributes({ type: 'stat', path }).then(
            (attributes) => attributes.size ?? null,
            () => null,
          ),
        );
        expect(size).toBeGreaterThan(0);
        const handle = await client.open('/uploads/parked', { write: true });
        const last = Buffer.from('end');
        const whole = Buffer.concat([...Array.from({ length: 80 }, () => part), last]);
        for (let offset = size; offset < whole.byteLength; offset += requestBytes) {
          await client.write(handle, offset, whole.subarray(offset, offset + requestBytes));
        }
        await client.ok({ type: 'close', handle });
        await first.serve();
        expect((await get(user, 'parked')).equals(whole)).toBe(true);
        await cluster.verify();
      });

      it('refuse a gateway with cluster=no', async () => {
        await using other = await Gateway.prepare({
          s3: cluster.s3,
          properties: { 'database.url': cluster.server.url(cluster.database) },
          env: { SFTPGW_DATABASE_PASSWORD: cluster.server.password },
        });
        const child = other.spawnServe();
        await eventually('it ends', () => child.exitCode !== null);
        expect([child.exitCode, other.output]).toEqual([6, expect.stringContaining('set cluster=yes')]);
      });

      it('settle the uploads of one that is killed, and do its work', async () => {
        await using receiver = await WebhookReceiver.start();
        await addWebhook(receiver);
        const large = randomBytes(requestBytes);
        await using client = await SftpClient.connect(user);
        await using other = await SftpClient.connect(userOfSecond);
        const flags = { write: true, create: true, truncate: true } as const;
        const killed = await client.open('/uploads/killed', flags);
        const kept = await other.open('/uploads/kept', flags);
        // Several parts, so that S3 has a multipart upload.
        for (let part = 0; part < 80; part += 1) {
          await client.write(killed, part * large.byteLength, large);
          await other.write(kept, part * large.byteLength, large);
        }
        await eventually('both are in the ledger', async () => (await cluster.pending()).length === 2);
        const killedMs = performance.now();
        expect(await first.end('SIGKILL')).toBe('SIGKILL');
        await eventually(
          'the other one settles the upload',
          async () => (await cluster.pending()).join() === 'clara/uploads/kept',
          settledMs,
        );
        console.log(`settled ${Math.round(performance.now() - killedMs)} ms after the kill`);
        await other.ok({ type: 'close', handle: kept });
        expect((await get(userOfSecond, 'kept')).byteLength).toBe(80 * large.byteLength);
        expect((await userOfSecond.sftp('ls /uploads/killed')).code).not.toBe(0);
        await eventually('the webhook gets the upload', () =>
          keysOf(receiver.accepted).includes('clara/uploads/kept'),
        );
        expect((await cluster.nodes()).map(({ state }) => state).sort()).toEqual(['dead', 'live']);
        await cluster.verify();
        // The killed one comes back.
        await first.serve();
        await put(user, 'after', Buffer.from('after'));
        expect((await get(userOfSecond, 'after')).toString()).toBe('after');
        expect((await cluster.nodes()).map(({ state }) => state)).toEqual(['live', 'live']);
      });

      it('finish a rotation of one that is killed', async () => {
        const client = ApiClient.onSocket(rootPaths(first.root).controlSocket, 'admin');
        const body = { username: 'clara', objectsPerSecond: 1 };
        const { status, json } = await client.request('POST', '/api/rotations', { body });
        expect([status, json]).toEqual([expect.any(Number), expect.objectContaining({ state: 'running' })]);
        cluster.copyRoot();
        await eventually('some objects have the new key', async () =>
          (await rotations()).some(({ rekeyed }) => rekeyed > 2),
        );
        expect(await first.end('SIGKILL')).toBe('SIGKILL');
        await eventually('the rotation is done', async () =>
          (await rotations()).every(({ state }) => state === 'done'),
        );
        await cluster.verify();
        expect((await get(userOfSecond, 'kept')).byteLength).toBe(80 * requestBytes);
        await first.serve();
      });

      it('stop one that was paused, before it writes again', async () => {
        process.kill(first.pid, 'SIGSTOP');
        await eventually(
          'the paused one is dead',
          async () => (await cluster.nodes()).some(({ state }) => state === 'dead'),
          settledMs,
        );
        await eventually(
          'its epoch has ended',
          async () => (await run("select id from database_writer where state = 'dead'")).length === 1,
          settledMs,
        );
        process.kill(first.pid, 'SIGCONT');
        const isGone = () => {
          try {
            return !process.kill(first.pid, 0);
          } catch {
            return true;
          }
        };
        await eventually('it ends', isGone, 30_000);
        expect(first.output).toMatch(/declared dead/);
        expect(await first.end('SIGTERM')).toBe(6);
        await put(userOfSecond, 'alone', Buffer.from('alone'));
        await cluster.verify();
      });
    },
  );
}
