import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { describe, expect, it } from 'vitest';
import { Gateway, type TestUser } from '../support/gateway.js';
import { SeededRandom } from '../support/random.js';
import { findParamikoPython, missing } from '../support/tools.js';

/** Sizes of the full drill: `npm run drill:audit`. */
const full = { operations: 2000, kills: 20 };
const short = { operations: 80, kills: 2 };
const size = process.env['SFTPGW_DRILL'] === 'full' ? full : short;
const script = resolve(import.meta.dirname, 'audited_operations.py');
const python = await findParamikoPython();
const skip = missing('ssh-keygen') ?? (python === null ? 'not installed: paramiko' : null);

/** An acknowledged operation: its action and its path. */
type Operation = readonly [action: string, path: string];

describe.skipIf(skip !== null)(
  `kill -9 during the operations of five users${skip ? ` (${skip})` : ''}`,
  () => {
    it(`${size.operations} operations, ${size.kills} kills: every acknowledged one is in the trail, in order per user`, async () => {
      const random = SeededRandom.fromEnvironment();
      console.log(`seed ${random.seed}`);
      await using gateway = await Gateway.start({ s3: null });
      const users: TestUser[] = [];
      for (const name of ['anna', 'ben', 'cara', 'dora', 'emil']) users.push(await gateway.addUser(name));
      const acknowledged = new Map<string, Operation[]>(users.map(({ name }) => [name, []]));

      const perRound = Math.ceil(size.operations / size.kills);
      for (let round = 0; round < size.kills; round++) {
        await runRound(gateway, users, acknowledged, perRound + random.between(0, 20), random);
        await gateway.serve();
      }

      const total = [...acknowledged.values()].reduce((sum, { length }) => sum + length, 0);
      expect(total).toBeGreaterThanOrEqual(size.operations);
      for (const { name } of users) {
        const recorded = await recordedOf(gateway, name);
        expect(firstMissing(acknowledged.get(name) ?? [], recorded), name).toBeNull();
      }
      const verified = await gateway.cli(['audit', 'verify', '--json']);
      expect(JSON.parse(verified.stdout)).toMatchObject({ problem: null });
      console.log(
        `${total} acknowledged operations, ${JSON.parse(verified.stdout).rows} events, ${size.kills} kills`,
      );
    }, 1_800_000);
  },
);

/** Runs all users until they have `count` acknowledgements together, and kills the gateway. */
async function runRound(
  gateway: Gateway,
  users: readonly TestUser[],
  acknowledged: ReadonlyMap<string, Operation[]>,
  count: number,
  random: SeededRandom,
): Promise<void> {
  let left = count;
  const killed = Promise.withResolvers<void>();
  const clients = users.map(async ({ name, identity }) => {
    const args = [script, String(gateway.sftpPort), name, identity, String(random.between(1, 2 ** 30))];
    const child = spawn(python ?? '', args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const closed = once(child, 'close');
    for await (const line of createInterface({ input: child.stdout })) {
      acknowledged.get(name)?.push(JSON.parse(line) as Operation);
      left -= 1;
      if (left === 0) killed.resolve();
    }
    await closed;
  });
  await Promise.race([killed.promise, Promise.all(clients)]);
  await gateway.end('SIGKILL');
  await Promise.all(clients);
}

/** Returns the successful operations of a user in the trail, the oldest first. */
async function recordedOf(gateway: Gateway, user: string): Promise<readonly Operation[]> {
  const args = ['audit', '--user', user, '--result', 'ok', '--limit', 'all', '--json'];
  const { stdout, stderr, code } = await gateway.cli(args);
  if (code !== 0) throw new Error(stderr);
  const events = stdout.split('\n').filter((line) => line !== '');
  return events
    .map(
      (line) =>
        JSON.parse(line) as { readonly seq: number; readonly action: string; readonly target: string },
    )
    .sort((one, other) => one.seq - other.seq)
    .map(({ action, target }) => [action, target] as const);
}

/** Returns the first operation that the trail lacks, or has in another order; null if there is none. */
function firstMissing(done: readonly Operation[], recorded: readonly Operation[]): Operation | null {
  let at = 0;
  for (const operation of done) {
    const found = recorded.findIndex(
      ([action, path], index) => index >= at && action === operation[0] && path === operation[1],
    );
    if (found === -1) return operation;
    at = found + 1;
  }
  return null;
}
