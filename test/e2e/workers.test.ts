import { randomBytes } from 'node:crypto';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rootPaths } from '../../src/config/paths.js';
import { ApiClient } from '../support/api-client.js';
import { Gateway, type TestUser } from '../support/gateway.js';
import { itOnceFor } from '../support/gateway-targets.js';
import { s3Targets } from '../support/s3-targets.js';
import { Refused, requestBytes, SftpClient } from '../support/sftp-client.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

/** Max time in milliseconds from the death of a worker until its uploads are settled. */
const settledMs = 20_000;
/** Max time in milliseconds until all workers know a session or a ban. */
const knownMs = 3_000;
const maxOfUser = 30;
const creating = { write: true, create: true, truncate: true } as const;

for (const target of await s3Targets()) {
  const skip = target.skip ?? missing('sftp', 'ssh', 'ssh-keygen');
  describe.skipIf(skip !== null)(
    `two workers, over ${target.name}${skip === null ? '' : ` (${skip})`}`,
    () => {
      const itOnce = itOnceFor(target);
      let gateway: Gateway;
      let user: TestUser;

      beforeAll(async () => {
        const bucket = await target.makeBucket();
        const { endpoint, caFile, region, credentials } = target;
        gateway = await Gateway.start({
          s3: { endpoint, caFile, region, bucket, ...credentials },
          properties: { workers: '2', 'sftp.sessions.per.user': String(maxOfUser) },
        });
        user = await gateway.addUser('wilma');
      });
      afterAll(async () => {
        await gateway?.[Symbol.asyncDispose]();
        await target.close();
      });

      /** Returns the processes by slot, as the log names them. The last one of a slot counts. */
      function pids(): ReadonlyMap<number, number> {
        const lines = gateway.output.matchAll(/"worker":(\d+),"pid":(\d+),"msg":"worker started"/g);
        return new Map([...lines].map(([, slot, pid]) => [Number(slot), Number(pid)]));
      }

      const pidOf = (slot: number) => pids().get(slot) ?? 0;

      /** Returns the worker that serves a session of the client, by what the log says since `from`. */
      function workersOf(from: number): readonly number[] {
        const lines = gateway.output.slice(from).matchAll(/"worker":(\d+),.*"msg":"SFTP session started"/g);
        return [...lines].map(([, slot]) => Number(slot));
      }

      /** Connects until a client is served by this worker. The caller ends it. */
      async function clientOn(slot: number): Promise<SftpClient> {
        return await eventually(`a session on worker ${slot}`, async () => {
          const from = gateway.output.length;
          const client = await SftpClient.connect(user);
          const [found] = await eventually('its log line', () => {
            const found = workersOf(from);
            return found.length > 0 ? found : null;
          });
          if (found === slot) return client;
          await client[Symbol.asyncDispose]();
          return null;
        });
      }

      function query<T>(sql: string): readonly T[] {
        const db = new Sqlite(rootPaths(gateway.root).databaseFile, { readonly: true });
        try {
          return db.prepare<[], T>(sql).all();
        } finally {
          db.close();
        }
      }

      const pending = () =>
        query<{ readonly object_key: string }>(
          "select object_key from sealed_object where state = 'intended'",
        ).map(({ object_key }) => object_key);

      async function verify(): Promise<void> {
        const { code, stdout, stderr } = await gateway.cli(['ledger', 'verify', '--read', '--json']);
        expect(`${code} ${stderr}`).toMatch(/^0 /);
        expect(JSON.parse(stdout)).toMatchObject({ findings: 0 });
      }

      async function put(client: SftpClient, name: string, content: Buffer): Promise<void> {
        const handle = await client.open(`/uploads/${name}`, creating);
        for (let offset = 0; offset < content.byteLength; offset += requestBytes) {
          await client.write(handle, offset, content.subarray(offset, offset + requestBytes));
        }
        await client.ok({ type: 'close', handle });
      }

      const isRefused = () =>
        SftpClient.connect(user).then(
          async (client) => {
            await client[Symbol.asyncDispose]();
            return false;
          },
          () => true,
        );

      it('store files through both at once', async () => {
        await using clients = new AsyncDisposableStack();
        const from = gateway.output.length;
        const all = await Promise.all(Array.from({ length: 8 }, () => SftpClient.connect(user)));
        for (const client of all) clients.use(client);
        await eventually('the log lines', () => workersOf(from).length === 8);
        expect(workersOf(from).filter((slot) => slot === 1)).toHaveLength(4);
        const contents = new Map<string, Buffer>();
        await Promise.all(
          all.map(async (client, index) => {
            for (let file = 0; file < 60; file++) {
              const name = `many-${index}-${file}`;
              const content = randomBytes(4_096 + file);
              contents.set(name, content);
              await put(client, name, content);
            }
          }),
        );
        const names = [...contents.keys()];
        await Promise.all(
          all.map(async (client, index) => {
            for (let at = index; at < names.length; at += all.length) {
              // Every file is read through another session than it was written with.
              const name = names[names.length - 1 - at] ?? '';
              expect(
                (await client.readFile(`/uploads/${name}`)).equals(contents.get(name) ?? Buffer.of()),
              ).toBe(true);
            }
          }),
        );
        await verify();
      });

      itOnce('count the sessions of a user together, list them and end them', async () => {
        await using clients = new AsyncDisposableStack();
        for (let index = 0; index < maxOfUser; index++) clients.use(await SftpClient.connect(user));
        await eventually('one more is refused', isRefused, knownMs);
        const list = async () =>
          JSON.parse((await gateway.cli(['sessions', '--json'])).stdout) as { id: string; node: string }[];
        const listed = await eventually('all are listed', async () => {
          const sessions = await list();
          return sessions.length === maxOfUser ? sessions : null;
        });
        const nodes = [...new Set(listed.map(({ node }) => node))];
        expect(nodes).toHaveLength(2);
        for (const node of nodes) {
          const { id = '' } = listed.find((session) => session.node === node) ?? {};
          expect(await gateway.cli(['sessions', 'disconnect', id])).toMatchObject({ code: 0 });
        }
        await eventually('there is room', async () => !(await isRefused()), knownMs);
      });

      itOnce('refuse a banned address in both', async () => {
        expect(await gateway.cli(['ban', 'add', '127.0.0.1', '--for', '10m'])).toMatchObject({ code: 0 });
        await eventually('both refuse', async () => (await isRefused()) && (await isRefused()), knownMs);
        expect(await gateway.cli(['ban', 'clear', '127.0.0.1'])).toMatchObject({ code: 0 });
        await eventually('both accept', async () => !(await isRefused()) && !(await isRefused()), knownMs);
      });

      itOnce('show the metrics of both at each scrape', async () => {
        await using clients = new AsyncDisposableStack();
        for (let index = 0; index < 4; index++) clients.use(await SftpClient.connect(user));
        const client = ApiClient.onSocket(rootPaths(gateway.root).controlSocket, 'admin');
        await eventually('four sessions', async () => {
          const { bytes } = await client.request('GET', '/metrics');
          return /^sftpgw_sessions 4$/m.test(bytes.toString());
        });
      });

      itOnce('keep other gateways away from the root', async () => {
        const { code, stderr } = await gateway.cli(['serve', '--sftp-listen', '127.0.0.1:0']);
        expect([code, stderr]).toEqual([6, expect.stringContaining('another gateway is already running')]);
      });

      for (const [slot, name] of [
        [2, 'one that is killed'],
        [1, 'the lead, when that one is killed'],
      ] as const) {
        it(`settle the uploads of ${name}, and start it again`, async () => {
          await using client = await clientOn(slot);
          await using other = await clientOn(3 - slot);
          const [killed, kept] = [`killed-${slot}`, `kept-${slot}`];
          const handle = await client.open(`/uploads/${killed}`, creating);
          const keptHandle = await other.open(`/uploads/${kept}`, creating);
          const part = randomBytes(requestBytes);
          for (let index = 0; index < 80; index++) {
            await client.write(handle, index * part.byteLength, part);
            await other.write(keptHandle, index * part.byteLength, part);
          }
          await eventually('both are in the ledger', () => pending().length === 2);
          const pid = pidOf(slot);
          process.kill(pid, 'SIGKILL');
          await eventually(
            'the upload is settled',
            () => pending().join() === `wilma/uploads/${kept}`,
            settledMs,
          );
          await other.ok({ type: 'close', handle: keptHandle });
          await using reader = await SftpClient.connect(user);
          expect((await reader.readFile(`/uploads/${kept}`)).byteLength).toBe(80 * part.byteLength);
          await expect(reader.open(`/uploads/${killed}`, { read: true })).rejects.toBeInstanceOf(Refused);
          await eventually('it runs again', () => pidOf(slot) !== pid);
          await using again = await clientOn(slot);
          await put(again, `again-${slot}`, Buffer.from('again'));
          await eventually(
            'the commands reach a lead',
            async () => (await gateway.cli(['sessions'])).code === 0,
          );
          await verify();
        });
      }

      itOnce('end a worker that was paused, before it writes again', async () => {
        const pid = pidOf(2);
        process.kill(pid, 'SIGSTOP');
        const states = () =>
          query<{ readonly state: string }>('select state from database_writer').map(({ state }) => state);
        await eventually('it is declared dead', () => states().includes('dead'), settledMs);
        await using client = await clientOn(1);
        await put(client, 'meanwhile', Buffer.from('meanwhile'));
        process.kill(pid, 'SIGCONT');
        await eventually('another one runs', () => pidOf(2) !== pid);
        expect(gateway.output).toMatch(/declared dead/);
        await using again = await clientOn(2);
        await put(again, 'afterwards', Buffer.from('afterwards'));
        await verify();
      });

      it('lose no transfer when SIGHUP replaces them', async () => {
        const before = new Set(pids().values());
        const contents = new Map<string, Buffer>();
        let begun = 0;
        const transfers = Array.from({ length: 20 }, async (_, index) => {
          await using client = await SftpClient.connect(user);
          for (let file = 0; file < 3; file++) {
            const name = `reload-${index}-${file}`;
            const content = randomBytes(6 * requestBytes);
            contents.set(name, content);
            begun += 1;
            await put(client, name, content);
          }
        });
        await eventually('all are under way', () => begun >= 20);
        const from = gateway.output.length;
        process.kill(gateway.pid, 'SIGHUP');
        await Promise.all(transfers);
        await eventually('both are replaced', () =>
          /"msg":"workers replaced"/.test(gateway.output.slice(from)),
        );
        expect([...new Set(pids().values())].filter((pid) => before.has(pid)).length).toBeLessThan(
          before.size,
        );
        await using client = await SftpClient.connect(user);
        for (const [name, content] of contents) {
          expect((await client.readFile(`/uploads/${name}`)).equals(content)).toBe(true);
        }
        await verify();
      });

      it('finish open uploads after SIGTERM, and can run as one process afterwards', async () => {
        const client = await SftpClient.connect(user);
        const handle = await client.open('/uploads/drained', creating);
        await client.write(handle, 0, Buffer.from('drained'));
        const ended = gateway.end('SIGTERM');
        await eventually('it stops', () => /stopping; open uploads may finish/.test(gateway.output));
        await client.ok({ type: 'close', handle });
        expect(await ended).toBe(0);
        gateway.writeProperties({ workers: '1' });
        await gateway.serve();
        await using reader = await SftpClient.connect(user);
        expect((await reader.readFile('/uploads/drained')).toString()).toBe('drained');
        const { stdout } = await gateway.cli(['audit', '--action', 'gateway.stop', '--json']);
        expect(stdout.match(/gateway\.stop/g)?.length).toBeGreaterThanOrEqual(2);
        expect((await gateway.cli(['audit', 'verify'])).code).toBe(0);
        await verify();
      });
    },
  );
}
