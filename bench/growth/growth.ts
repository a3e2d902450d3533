import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { median } from '../measure.js';
import { stop, timed } from '../process.js';
import type { Report } from '../results/report.js';
import { type Cost, MeasuredGateway, runCommand, startS3 } from './gateway.js';
import { ObjectsOfUsers } from './objects.js';
import { type GrowthRow, reportGrowth } from './report.js';
import { startCountingProxy } from './s3.js';
import { addUsers, userName } from './users.js';

/** The times of a measurement of growth. */
export interface GrowthTimes {
  /** Time in seconds after the start, in which the first passes run and the gateway becomes idle. */
  readonly settleSeconds: number;
  /** Time in seconds for which the idle gateway is measured. */
  readonly idleSeconds: number;
}

/** A root with its S3 server, and the number of its users so far. */
interface World extends AsyncDisposable {
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly serveArgs: readonly string[];
  /** Lists since the last call; null if nothing counts them. */
  readonly takeLists: () => number | null;
  /** Endpoint of the server while the gateway runs. */
  readonly endpoint: string;
  /** Whether the server runs without the gateway. */
  readonly isExternal: boolean;
}

/** Port of the embedded server in a gateway's process. */
const embeddedPort = 19_753;
/** Without events, a change must be seen within 5 minutes. */
const seenLimitMs = 330_000;
const logins = 9;

/**
 * Measures what an idle gateway, its logins and its commands cost with each number of users, in ascending order. With
 * `embedded`, the S3 server runs in the gateway's process and reports changes as events. Otherwise it runs in a process
 * of its own, behind a proxy that counts requests, and nothing reports changes.
 */
export async function measureGrowth(
  arena: { readonly work: string; readonly identity: string },
  kind: 'external' | 'embedded',
  sizes: readonly number[],
  times: GrowthTimes,
  report: Report,
): Promise<void> {
  const { work, identity } = arena;
  await using world = kind === 'embedded' ? await embeddedWorld(work) : await externalWorld(work);
  const publicKey = readFileSync(`${identity}.pub`, 'utf8');
  const rows: GrowthRow[] = [];
  for (const users of [...sizes].sort((a, b) => a - b)) {
    const before = rows.at(-1)?.users ?? 0;
    await addUsers(world.root, before, users, publicKey);
    if (before === 0) await addRecovery(world, work);
    rows.push(await measureOne(world, identity, { before, users }, times));
  }
  reportGrowth(kind, rows, report);
}

async function measureOne(
  world: World,
  identity: string,
  { before, users }: { readonly before: number; readonly users: number },
  { settleSeconds, idleSeconds }: GrowthTimes,
): Promise<GrowthRow> {
  const { root, env } = world;
  const command = (codes: readonly number[], ...args: readonly string[]) =>
    runCommand(env, codes, ...args, '--root', root);
  await using objects = new ObjectsOfUsers(root, env, world.endpoint);
  if (world.isExternal) await objects.put(before, users);
  const { gateway: started, cost: start } = await MeasuredGateway.start([...world.serveArgs], env);
  await using gateway = started;
  if (!world.isExternal) await objects.put(before, users);
  const settle = await gateway.costOf(() => delay(settleSeconds * 1000));
  world.takeLists();
  const idle = await gateway.costOf(() => delay(idleSeconds * 1000));
  const lists = world.takeLists();
  const { memoryMib } = gateway;
  const loginSeconds: number[] = [];
  const login = await gateway.costOf(async () => {
    for (let at = 0; at < logins; at += 1)
      loginSeconds.push(await loginOnce(identity, gateway.port, userName(at)));
  });
  const add = ['user', 'add', 'onemore', '--sse', '1', '--public-key-file', `${identity}.pub`];
  const own = async (work: () => Promise<unknown>) => withoutIdle(await gateway.costOf(work), idle);
  const recoveryStatus = await own(() => command([0, 12], 'recovery', 'status'));
  const doctorSample = await own(() => command([0, 12], 'doctor', '--sample'));
  const userAdd = await own(() => command([0], ...add));
  await command([0], 'user', 'remove', 'onemore', '--yes');
  const seen = await gateway.costOf(() => changeSeen(objects, root, userName(users - 1)));
  const steps = { start, settle, idle, login, userAdd, recoveryStatus, doctorSample, seen };
  const loginMs = median(loginSeconds) * 1000;
  return { users, loginMs, memoryMib, lists, minutes: idleSeconds / 60, steps };
}

/** Returns the cost without the CPU that the idle gateway uses in the same time. */
function withoutIdle(cost: Cost, idle: Cost): Cost {
  const idleCpu = (idle.cpuSeconds / idle.seconds) * cost.seconds;
  return { ...cost, cpuSeconds: Math.max(0, cost.cpuSeconds - idleCpu) };
}

/** Changes an object below the downloads of an idle user, and waits until the file has the new size. */
async function changeSeen(objects: ObjectsOfUsers, root: string, user: string): Promise<void> {
  const name = `seen-${performance.now()}`;
  await objects.putOne(user, name);
  const path = join(root, 'home', user, 'home', user, 'downloads', name);
  const end = performance.now() + seenLimitMs;
  while (!existsSync(path)) {
    if (performance.now() > end) throw new Error(`${path} was not mirrored within ${seenLimitMs} ms`);
    await delay(20);
  }
}

async function addRecovery({ env, root }: World, work: string): Promise<void> {
  const identityFile = join(work, 'recovery.txt');
  await runCommand(env, [0], 'recovery', 'init', '--root', root, '--identity-out', identityFile);
  await runCommand(env, [0], 'recovery', 'init', '--root', root, '--confirm-file', identityFile);
}

async function externalWorld(work: string): Promise<World> {
  const s3Root = join(work, 's3');
  const root = join(work, 'external');
  const { child, port } = await startS3(s3Root);
  const proxy = await startCountingProxy(port);
  const variables = await environmentOf(s3Root);
  const endpoint = `http://127.0.0.1:${proxy.port}`;
  const settings = [`bucket=${variables['SFTPGW_BUCKET']}`, `endpoint=${endpoint}`, 'region=us-east-1', ''];
  mkdirSync(join(root, 'opt/sftpgw'), { recursive: true });
  writeFileSync(join(root, 'opt/sftpgw/sftpgateway.properties'), settings.join('\n'));
  return {
    root,
    env: { ...process.env, ...variables, AWS_ENDPOINT_URL: endpoint },
    serveArgs: ['--root', root],
    takeLists: () => {
      const lists = proxy.counts.get('GET list') ?? 0;
      proxy.counts.clear();
      return lists;
    },
    endpoint,
    isExternal: true,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await stop(child as ChildProcess);
    },
  };
}

async function embeddedWorld(work: string): Promise<World> {
  const root = join(work, 'embedded');
  mkdirSync(root, { recursive: true });
  const serveArgs = ['--root', root, '--embedded', '--s3-listen', `127.0.0.1:${embeddedPort}`];
  // The first start creates the bucket and the credentials.
  const { gateway } = await MeasuredGateway.start(serveArgs, process.env);
  await gateway[Symbol.asyncDispose]();
  return {
    root,
    env: { ...process.env, ...(await environmentOf(root)) },
    serveArgs,
    takeLists: () => null,
    endpoint: `http://127.0.0.1:${embeddedPort}`,
    isExternal: false,
    async [Symbol.asyncDispose]() {},
  };
}

/** Logs in with OpenSSH and ends the session. Returns the duration in seconds. */
async function loginOnce(identity: string, port: number, user: string): Promise<number> {
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
  ];
  const given = options.flatMap((option) => ['-o', option]);
  const args = ['-q', '-i', identity, '-P', String(port), ...given, `${user}@127.0.0.1`];
  return await timed('sftp', args, { input: 'bye\n' });
}

/** Returns the variables that `sftpgw env` prints for an embedded server. */
async function environmentOf(root: string): Promise<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const line of (await runCommand(process.env, [0], 'env', '--root', root)).split('\n')) {
    const [, name, value] = /^export (\w+)='?([^']*)'?$/.exec(line.trim()) ?? [];
    if (name !== undefined && value !== undefined) variables[name] = value;
  }
  return variables;
}
