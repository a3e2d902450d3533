import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SessionStatus } from '../../src/model/live.js';
import { Cluster } from '../support/cluster.js';
import type { Gateway, TestUser } from '../support/gateway.js';
import { targetsOnce } from '../support/gateway-targets.js';
import { postgresMissing } from '../support/postgres-server.js';
import { s3Targets } from '../support/s3-targets.js';
import { SftpClient } from '../support/sftp-client.js';
import { missing } from '../support/tools.js';
import { eventually } from '../support/wait.js';

const maxOfUser = 4;
/** Max time in milliseconds until all nodes know a session, a ban or its end. */
const knownMs = 3_000;

for (const target of targetsOnce(await s3Targets())) {
  const skip = target.skip ?? missing('sftp', 'ssh', 'ssh-keygen') ?? postgresMissing();
  describe.skipIf(skip !== null)(
    `limits of two gateways on one database, over ${target.name}${skip === null ? '' : ` (${skip})`}`,
    () => {
      let cluster: Cluster;
      let first: Gateway;
      let second: Gateway;
      let user: TestUser;
      let userOfSecond: TestUser;

      beforeAll(async () => {
        cluster = await Cluster.start(target, { 'sftp.sessions.per.user': String(maxOfUser) });
        ({ first, second, user, userOfSecond } = cluster);
      });
      afterAll(async () => {
        await cluster?.[Symbol.asyncDispose]();
      });

      async function sessionsOf(gateway: Gateway): Promise<readonly SessionStatus[]> {
        return JSON.parse((await gateway.cli(['sessions', '--json'])).stdout) as readonly SessionStatus[];
      }

      const rows = async () =>
        Number(
          (await cluster.server.run(cluster.database, 'select count(*) as n from node_session'))[0]?.['n'],
        );
      const known = (sessions: number) =>
        eventually(`${sessions} sessions`, async () => (await rows()) === sessions, knownMs);
      const isRefused = (as: TestUser) =>
        SftpClient.connect(as).then(
          async (client) => {
            await client[Symbol.asyncDispose]();
            return false;
          },
          () => true,
        );

      it('count the sessions of a user on both, and end one of the other', async () => {
        await using clients = new AsyncDisposableStack();
        for (const as of [user, userOfSecond, user, userOfSecond]) {
          clients.use(await SftpClient.connect(as));
        }
        await known(maxOfUser);
        for (const as of [user, userOfSecond]) {
          await eventually('one more is refused', () => isRefused(as), knownMs);
        }
        const listed = await sessionsOf(second);
        expect(listed.map(({ username }) => username)).toEqual(Array(maxOfUser).fill('clara'));
        expect((await sessionsOf(first)).map(({ id }) => id).sort()).toEqual(
          listed.map(({ id }) => id).sort(),
        );
        const { id = '' } = listed[0] ?? {};
        expect(await second.cli(['sessions', 'disconnect', id])).toMatchObject({ code: 0 });
        await known(maxOfUser - 1);
        await eventually('there is room', async () => !(await isRefused(userOfSecond)), knownMs);
        expect(await second.cli(['sessions', 'disconnect', id])).toMatchObject({ code: 3 });
      });

      it('ban an address on both, and end its ban', async () => {
        expect(await second.cli(['ban', 'add', '127.0.0.1', '--for', '10m'])).toMatchObject({ code: 0 });
        await eventually('the other one refuses', () => isRefused(user), knownMs);
        expect((await first.cli(['ban', 'list'])).stdout).toMatch(/127\.0\.0\.1/);
        expect(await first.cli(['ban', 'clear', '127.0.0.1'])).toMatchObject({ code: 0 });
        await eventually('the other one accepts', async () => !(await isRefused(userOfSecond)), knownMs);
        expect((await second.cli(['ban', 'list', '--json'])).stdout.trim()).toBe('[]');
      });

      it('do not count the sessions of one that was killed for longer than ten seconds', async () => {
        await using clients = new AsyncDisposableStack();
        for (let index = 0; index < maxOfUser; index += 1) clients.use(await SftpClient.connect(user));
        await known(maxOfUser);
        await eventually('the other one refuses', () => isRefused(userOfSecond), knownMs);
        await first.end('SIGKILL');
        const began = performance.now();
        await eventually('the other one accepts', async () => !(await isRefused(userOfSecond)), 14_000);
        console.log(`accepted ${Math.round(performance.now() - began)} ms after the kill`);
        await first.serve();
      });
    },
  );
}
