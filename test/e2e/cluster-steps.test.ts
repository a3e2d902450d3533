import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rootPaths } from '../../src/config/paths.js';
import { Gateway, TestUser } from '../support/gateway.js';
import { targetsOnce } from '../support/gateway-targets.js';
import { PostgresServer, postgresMissing } from '../support/postgres-server.js';
import { s3Targets } from '../support/s3-targets.js';
import { requestBytes, SftpClient } from '../support/sftp-client.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

/** Requests of an upload of several parts. */
const requests = 80;

for (const target of targetsOnce(await s3Targets())) {
  const skip = target.skip ?? missing('sftp', 'ssh', 'ssh-keygen') ?? postgresMissing();
  describe.skipIf(skip !== null)(
    `the steps of docs/CLUSTER.md, over ${target.name}${skip === null ? '' : ` (${skip})`}`,
    () => {
      const content = randomBytes(requests * requestBytes + 1_000);
      const names: string[] = [];
      const machines: Gateway[] = [];
      let server: PostgresServer;
      let database: string;
      let bucket: string;
      let user: TestUser;

      beforeAll(async () => {
        server = await PostgresServer.start();
        database = await server.createDatabase();
        bucket = await target.makeBucket();
      });
      afterAll(async () => {
        for (const machine of machines) await machine[Symbol.asyncDispose]();
        await server?.stop();
        await target.close();
      });

      async function install(): Promise<Gateway> {
        const { endpoint, caFile, region, credentials } = target;
        const machine = await Gateway.prepare({
          s3: { endpoint, caFile, region, bucket, ...credentials },
          properties: { 'drain.timeout': '1s' },
          env: { SFTPGW_DATABASE_PASSWORD: server.password },
        });
        machines.push(machine);
        return machine;
      }

      function machine(number: number): Gateway {
        const found = machines[number - 1];
        if (found === undefined) throw new Error(`no machine ${number}`);
        return found;
      }

      async function ok(on: Gateway, args: readonly string[], input = ''): Promise<string> {
        const { code, stdout, stderr } = await on.cli(args, { input });
        expect([args.join(' '), code, code === 0 ? '' : stderr]).toEqual([args.join(' '), 0, '']);
        return stdout;
      }

      const userOn = (on: Gateway) => new TestUser(on, user.name, user.identity, user.key, user.keyFile);

      /** Sends the content without its last bytes, and runs `work` while the file is open. */
      async function interrupted(on: Gateway, name: string, work: () => Promise<void>): Promise<void> {
        await using client = await SftpClient.connect(userOn(on));
        const flags = { write: true, create: true, truncate: true };
        const handle = await client.open(`/uploads/${name}`, flags);
        for (let index = 0; index < requests; index += 1) {
          const from = index * requestBytes;
          await client.write(handle, from, content.subarray(from, from + requestBytes));
        }
        await work();
      }

      /** Resumes an interrupted upload on a machine, from a part that S3 has. */
      async function resume(on: Gateway, name: string): Promise<void> {
        const source = join(machine(1).work, name);
        writeFileSync(source, content);
        expect(await userOn(on).sftpOk(`ls -l /uploads/${name}`)).toMatch(/ [1-9]\d{6,} /);
        await userOn(on).sftpOk(`reput ${source} /uploads/${name}`);
        names.push(name);
      }

      async function stop(on: Gateway): Promise<void> {
        expect(await on.end('SIGTERM')).toBe(0);
      }

      it('lead from one machine on SQLite to three, and no interrupted upload is lost', async () => {
        const first = await install();
        await first.serve();
        user = await first.addUser('clara');
        await interrupted(first, 'on-sqlite', () => stop(first));
        const { propertiesFile } = rootPaths(first.root);
        const before = readFileSync(propertiesFile, 'utf8');
        writeFileSync(propertiesFile, `${before}database.url=${server.url(database)}\n`);
        await ok(first, ['database', 'migrate', '--from', 'sqlite', '--to', 'postgres']);
        await first.serve();
        await resume(first, 'on-sqlite');
        await ok(first, ['cluster', 'init']);
        await interrupted(first, 'at-init', () => stop(first));
        await first.serve();
        for (const _ of [2, 3]) {
          const next = await install();
          const token = await ok(first, ['cluster', 'token']);
          await ok(next, ['cluster', 'join', '--database-url', server.url(database)], token);
          await next.serve();
        }
        await resume(machine(3), 'at-init');
        const status = await ok(machine(2), ['cluster', 'status']);
        expect(status.match(/ live /g)).toHaveLength(3);
        await eventually('all have all files', async () => {
          const shown = await ok(machine(2), ['cluster', 'status']);
          return shown.match(/up to date/g)?.length === 3;
        });
      });

      it('lead back to one machine, which has every file and each user', async () => {
        await ok(machine(3), ['user', 'add', 'dora', '--create-ssh-key', '--sse', '1']);
        for (const number of [3, 2]) {
          const name = `on-machine-${number}`;
          await interrupted(machine(number), name, () => stop(machine(number)));
          // The second machine is lost.
          const id = readFileSync(rootPaths(machine(2).root).nodeIdFile, 'utf8').trim();
          const left =
            number === 3
              ? await ok(machine(3), ['cluster', 'leave'])
              : await ok(machine(1), ['cluster', 'leave', '--node', id]);
          expect(left).toMatch(/it has /);
          await resume(machine(1), name);
        }
        await stop(machine(1));
        expect(await ok(machine(1), ['cluster', 'leave'])).toMatch(/last machine/);
        await machine(1).serve();
        expect(await ok(machine(1), ['user', 'list'])).toMatch(/clara[\s\S]*dora/);
        expect(names).toHaveLength(4);
        for (const name of names) {
          const got = join(machine(1).work, `${name}.got`);
          await userOn(machine(1)).sftpOk(`get /uploads/${name} ${got}`);
          expect(readFileSync(got).equals(content), name).toBe(true);
        }
        const verified = await ok(machine(1), ['ledger', 'verify', '--read', '--json']);
        expect(JSON.parse(verified)).toMatchObject({ findings: 0 });
      });
    },
  );
}
