import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { exitCodes } from '../../src/cli/exit-codes.js';
import { rootPaths } from '../../src/config/paths.js';
import { CustomerKey } from '../../src/model/customer-key.js';
import { Gateway, TestUser } from '../support/gateway.js';
import { targetsOnce } from '../support/gateway-targets.js';
import { PostgresServer, postgresMissing } from '../support/postgres-server.js';
import { s3Targets } from '../support/s3-targets.js';
import { missing } from '../support/tools.js';
import { eventually, underLoad } from '../support/wait.js';

/** Max time in milliseconds until a change reaches another node. */
const reachedMs = 1_000;
const settingsOf = (name: string) => `home/${name}/.sftpgateway/user.properties`;
const keyOf = (name: string) => `home/${name}/.sftpgateway/sse.key`;

for (const target of targetsOnce(await s3Targets())) {
  const skip = target.skip ?? missing('sftp', 'ssh', 'ssh-keygen') ?? postgresMissing();
  describe.skipIf(skip !== null)(
    `machines that share their files, over ${target.name}${skip === null ? '' : ` (${skip})`}`,
    () => {
      let server: PostgresServer;
      let database: string;
      let bucket: string;
      let first: Gateway;
      let second: Gateway;
      let clara: TestUser;

      beforeAll(async () => {
        server = await PostgresServer.start();
        database = await server.createDatabase();
        bucket = await target.makeBucket();
        first = await prepare();
        await first.serve();
        clara = await first.addUser('clara');
      });
      afterAll(async () => {
        for (const gateway of [first, second]) await gateway?.[Symbol.asyncDispose]();
        await server?.stop();
        await target.close();
      });

      function prepare(): Promise<Gateway> {
        const { endpoint, caFile, region, credentials } = target;
        return Gateway.prepare({
          s3: { endpoint, caFile, region, bucket, ...credentials },
          properties: { 'database.url': server.url(database) },
          env: { SFTPGW_DATABASE_PASSWORD: server.password },
        });
      }

      const inRoot = (gateway: Gateway, path: string) => join(gateway.root, path);
      const textOf = (gateway: Gateway, path: string) =>
        existsSync(inRoot(gateway, path)) ? readFileSync(inRoot(gateway, path), 'latin1') : null;
      const nodeIdOf = (gateway: Gateway) => readFileSync(rootPaths(gateway.root).nodeIdFile, 'utf8').trim();
      const on = (gateway: Gateway, { name, identity, key, keyFile }: TestUser) =>
        new TestUser(gateway, name, identity, key, keyFile);

      async function ok(gateway: Gateway, args: readonly string[], input?: string): Promise<string> {
        const { code, stdout, stderr } = await gateway.cli(args, input === undefined ? {} : { input });
        expect(`${args.join(' ')}: ${code} ${code === 0 ? '' : stderr}`).toBe(`${args.join(' ')}: 0 `);
        return stdout;
      }

      /** Waits until a file of the second machine has the content of the first one, and returns the time. */
      async function reaches(path: string, from = first, to = second): Promise<number> {
        const beganMs = performance.now();
        await eventually(`${path} is the same`, () => textOf(from, path) === textOf(to, path));
        return performance.now() - beganMs;
      }

      async function restart(gateway: Gateway): Promise<void> {
        expect(await gateway.end('SIGTERM')).toBe(0);
        await gateway.serve();
      }

      /** Uploads a file as a user and returns the fingerprint of the key of its object. */
      async function uploadedWith(as: TestUser, name: string): Promise<string> {
        const source = join(first.work, name);
        writeFileSync(source, randomBytes(1_000));
        await as.sftpOk(`put ${source} /uploads/${name}`);
        const [row] = await server.run(
          database,
          `select key_fingerprint from sealed_object where object_key like '%/${name}' and state = 'confirmed'`,
        );
        return String(row?.['key_fingerprint']);
      }

      it('become a cluster of two without a copy by hand', async () => {
        const early = await first.cli(['cluster', 'token']);
        expect([early.code, early.stderr]).toEqual([
          exitCodes.notFound,
          expect.stringMatching(/cluster init/),
        ]);
        expect(await ok(first, ['cluster', 'init'])).toMatch(/restart the gateway/);
        expect((await first.cli(['cluster', 'init'])).code).toBe(exitCodes.exists);
        await restart(first);
        second = await prepare();
        const token = await ok(first, ['cluster', 'token', '--for', '5m']);
        const wrong = await second.cli(['cluster', 'join'], { input: `sftpgw-join-${'A'.repeat(43)}\n` });
        expect([wrong.code, wrong.stderr]).toEqual([
          exitCodes.denied,
          expect.stringMatching(/used or expired/),
        ]);
        expect(await ok(second, ['cluster', 'join'], token)).toMatch(/with 1 users/);
        const third = await prepare();
        expect((await third.cli(['cluster', 'join'], { input: token })).code).toBe(exitCodes.denied);
        await third[Symbol.asyncDispose]();
        await second.serve();
        expect(textOf(second, 'var/lib/sftpgw/host-keys/ssh_host_ed25519_key')).toBe(
          textOf(first, 'var/lib/sftpgw/host-keys/ssh_host_ed25519_key'),
        );
        expect(await uploadedWith(on(second, clara), 'on-second')).toBe(
          CustomerKey.fromBytes(clara.key).fingerprint,
        );
        expect(await ok(second, ['cluster', 'status'])).toMatch(/up to date[\s\S]*shared files/);
      });

      it('let a user who was added on one log in on the other within a second', async () => {
        const bob = await first.addUser('bob');
        const tookMs = await reaches(settingsOf('bob'));
        console.log(`a user reached the other node after ${Math.round(tookMs)} ms`);
        expect(tookMs).toBeLessThan(underLoad(reachedMs));
        expect(await on(second, bob).sftpOk('ls /')).toMatch(/uploads/);
      });

      it('encrypt the next upload with a key that was changed by hand on the other', async () => {
        const keys = [randomBytes(32), randomBytes(32)] as const;
        // As `vi` does it.
        writeFileSync(`${inRoot(first, keyOf('clara'))}~`, keys[0], { mode: 0o600 });
        renameSync(`${inRoot(first, keyOf('clara'))}~`, inRoot(first, keyOf('clara')));
        expect(await reaches(keyOf('clara'))).toBeLessThan(underLoad(reachedMs));
        expect(await uploadedWith(on(second, clara), 'renamed')).toBe(
          CustomerKey.fromBytes(keys[0]).fingerprint,
        );
        writeFileSync(inRoot(first, keyOf('clara')), keys[1]);
        expect(await reaches(keyOf('clara'))).toBeLessThan(underLoad(reachedMs));
        expect(await uploadedWith(on(second, clara), 'in-place')).toBe(
          CustomerKey.fromBytes(keys[1]).fingerprint,
        );
      });

      it('share their settings, but not those of one machine', async () => {
        const path = 'opt/sftpgw/sftpgateway.properties';
        const before = textOf(second, path) ?? '';
        writeFileSync(inRoot(second, path), `${before}sftp.idle.timeout=7m\nsftp.listen=127.0.0.1:1\n`);
        await eventually(
          'the setting arrives',
          () => textOf(first, path)?.includes('sftp.idle.timeout=7m') ?? false,
        );
        expect(textOf(first, path)).not.toContain('sftp.listen=127.0.0.1:1');
        expect(textOf(first, path)).toContain('database.url=');
      });

      it('end the logins of a user who was removed on one', async () => {
        await ok(first, ['user', 'remove', 'bob', '--yes']);
        await eventually('the home is gone', () => !existsSync(inRoot(second, 'home/bob')));
        const bob = new TestUser(second, 'bob', join(first.work, 'bob.id'), Buffer.alloc(32), '');
        expect((await bob.sftp('ls /')).code).not.toBe(0);
        expect(existsSync(rootPaths(second.root).removedDirectory)).toBe(true);
      });

      it('catch up at their start, and keep the second of two changes beside the first', async () => {
        const dora = await first.addUser('dora');
        await reaches(settingsOf('dora'));
        expect(await second.end('SIGTERM')).toBe(0);
        await ok(first, ['user', 'remove', 'dora', '--yes']);
        writeFileSync(inRoot(first, settingsOf('clara')), `# first\n${textOf(first, settingsOf('clara'))}`);
        writeFileSync(
          inRoot(second, settingsOf('clara')),
          `# second\n${textOf(second, settingsOf('clara'))}`,
        );
        await eventually(
          'the first change is stored',
          () => /file sent.*\n.*$/.test(first.output) && isStored(),
        );
        await second.serve();
        expect((await on(second, dora).sftp('ls /')).code).not.toBe(0);
        expect(textOf(second, settingsOf('clara'))).toMatch(/^# first/);
        expect(textOf(second, `${settingsOf('clara')}.conflict`)).toMatch(/^# second/);
        const shown = await eventually('the conflict is reported', async () => {
          const status = await first.cli(['cluster', 'status']);
          return status.stderr.includes('user.properties.conflict') ? status : null;
        });
        expect(shown.code).toBe(exitCodes.findings);

        async function isStored(): Promise<boolean> {
          const [row] = await server.run(
            database,
            `select node from root_file where path = '${settingsOf('clara')}' and changed_ms >
              (select max(seen_ms) from database_writer where state = 'stopped')`,
          );
          return row !== undefined;
        }
      });

      it('leave nothing in the database that opens a file', async () => {
        await ok(first, ['cluster', 'token']);
        writeFileSync(inRoot(first, settingsOf('clara')), `# canary\n${textOf(first, settingsOf('clara'))}`);
        await reaches(settingsOf('clara'));
        const rows = await server.run(
          database,
          'select * from root_file, join_token, cluster_root, root_node',
        );
        expect(rows.length).toBeGreaterThan(5);
        const text = rows
          .map((row) => {
            const content = String(row['content']);
            return `${JSON.stringify(row)} ${Buffer.from(content.slice(3), 'base64').toString('latin1')}`;
          })
          .join('\n');
        const [secret = 'none'] =
          /AGE-SECRET-KEY-\S+/.exec(readFileSync(rootPaths(first.root).keyringIdentityFile, 'utf8')) ?? [];
        for (const canary of [secret, '# canary', '$scrypt', 'sse.option', 'BEGIN OPENSSH'])
          expect(text.includes(canary), canary).toBe(false);
        for (const form of ['latin1', 'base64', 'hex'] as const)
          expect(text).not.toContain(readFileSync(inRoot(first, keyOf('clara'))).toString(form));
      });

      it('refuse a machine with another identity', async () => {
        await using other = await prepare();
        await other.addUser('eve');
        const joined = await other.cli(['cluster', 'join'], { input: 'x' });
        expect([joined.code, joined.stderr]).toEqual([
          exitCodes.conflict,
          expect.stringMatching(/join with an empty root/),
        ]);
        const child = other.spawnServe();
        await eventually('it ends', () => child.exitCode !== null);
        expect([child.exitCode, other.output]).toEqual([
          exitCodes.key,
          expect.stringMatching(/not the identity of the cluster/),
        ]);
      });

      it('leave the cluster one after the other, and the last one has all files', async () => {
        const running = await second.cli(['cluster', 'leave']);
        expect([running.code, running.stderr]).toEqual([
          exitCodes.conflict,
          expect.stringMatching(/stop it first/),
        ]);
        const live = await first.cli(['cluster', 'leave', '--node', nodeIdOf(second)]);
        expect([live.code, live.stderr]).toEqual([
          exitCodes.conflict,
          expect.stringMatching(/runs: stop it/),
        ]);
        expect((await first.cli(['cluster', 'leave', '--node', 'f'.repeat(16)])).code).toBe(
          exitCodes.notFound,
        );
        expect((await first.cli(['cluster', 'leave', '--node', nodeIdOf(first)])).code).toBe(
          exitCodes.conflict,
        );
        expect(await second.end('SIGTERM')).toBe(0);
        expect(await ok(second, ['cluster', 'leave'])).toMatch(/left the cluster/);
        expect((await second.cli(['cluster', 'leave'])).code).toBe(exitCodes.usage);
        const status = JSON.parse((await first.cli(['cluster', 'status', '--json'])).stdout) as {
          nodes: readonly unknown[];
        };
        expect(status.nodes).toHaveLength(Number(process.env['SFTPGW_TEST_WORKERS'] ?? 1));
        expect(await first.end('SIGTERM')).toBe(0);
        expect(await ok(first, ['cluster', 'leave'])).toMatch(/last machine/);
        expect(await server.run(database, 'select path from root_file')).toEqual([]);
        await first.serve();
        await clara.sftpOk(`get /uploads/on-second ${join(first.work, 'got')}`);
        expect(readFileSync(join(first.work, 'got'))).toEqual(readFileSync(join(first.work, 'on-second')));
      });
    },
  );
}
