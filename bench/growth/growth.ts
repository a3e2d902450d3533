import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cpuSeconds, median, peakMemoryMib } from '../measure.js';
import { asServer, exit, freePort, listening, stop, timed } from '../process.js';
import { startCountingProxy } from './s3.js';
import { addUsers, userName } from './users.js';

const mainScript = resolve(import.meta.dirname, '../bin/sftpgw.js');

/** The times of a measurement of growth. */
export interface GrowthTimes {
  /** Time in seconds after the start, in which the first passes run and the gateway becomes idle. */
  readonly settleSeconds: number;
  /** Time in seconds for which the idle gateway is measured. */
  readonly idleSeconds: number;
}

/** The measurements with one number of users. Times in seconds if not named otherwise. */
export interface GrowthRow {
  readonly users: number;
  readonly ready: number;
  readonly idleCpuPerMinute: number;
  readonly listsPerMinute: number;
  readonly memoryMib: number;
  readonly loginMs: number;
  readonly userAdd: number;
  readonly recoveryStatus: number;
  readonly doctorSample: number;
  readonly longestTurnMs: number;
}

/**
 * Measures what an idle gateway, its logins and its commands cost with each number of users, in ascending order. The
 * gateway uses an embedded S3 server in another process, through a proxy that counts requests.
 */
export async function measureGrowth(
  work: string,
  identity: string,
  sizes: readonly number[],
  times: GrowthTimes,
  print: (text: string) => void,
): Promise<void> {
  const s3Root = join(work, 's3');
  const root = join(work, 'root');
  const s3Port = await freePort();
  mkdirSync(join(root, 'opt/sftpgw'), { recursive: true });
  const s3 = asServer(
    spawn(process.execPath, [mainScript, 's3', '--root', s3Root, '--s3-listen', `127.0.0.1:${s3Port}`], {
      stdio: 'ignore',
    }),
  );
  await listening(s3Port);
  await using proxy = await startCountingProxy(s3Port);
  const variables = await environmentOf(s3Root);
  const endpoint = `http://127.0.0.1:${proxy.port}`;
  const settings = [`bucket=${variables['SFTPGW_BUCKET']}`, `endpoint=${endpoint}`, 'region=us-east-1', ''];
  writeFileSync(join(root, 'opt/sftpgw/sftpgateway.properties'), settings.join('\n'));
  const env = { ...process.env, ...variables, AWS_ENDPOINT_URL: endpoint };
  const publicKey = readFileSync(`${identity}.pub`, 'utf8');
  print(`\nGrowth with users (${times.idleSeconds} s idle)\n\n${header.join(' | ')}\n`);
  let made = 0;
  for (const users of [...sizes].sort((a, b) => a - b)) {
    await addUsers(root, made, users, publicKey);
    if (made === 0) {
      const identityFile = join(work, 'recovery.txt');
      await run(env, 'recovery', 'init', '--root', root, '--identity-out', identityFile);
      await run(env, 'recovery', 'init', '--root', root, '--confirm-file', identityFile);
    }
    made = users;
    const row = await measureOne({ root, env, identity, users, counts: proxy.counts }, times);
    print(`${cells(row).join(' | ')}\n`);
  }
  await stop(s3);
}

interface Setting {
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  readonly identity: string;
  readonly users: number;
  readonly counts: Map<string, number>;
}

async function measureOne(setting: Setting, times: GrowthTimes): Promise<GrowthRow> {
  const { root, env, identity, users, counts } = setting;
  const port = await freePort();
  const turns = join(root, 'longest-turn');
  const probe = resolve(import.meta.dirname, 'turn-probe.js');
  const started = performance.now();
  const child = asServer(
    spawn(
      process.execPath,
      ['--import', probe, mainScript, 'serve', '--root', root, '--sftp-listen', `127.0.0.1:${port}`],
      { env: { ...env, SFTPGW_BENCH_TURNS: turns }, stdio: 'ignore' },
    ),
  );
  const pid = child.pid;
  if (pid === undefined) throw new Error('sftpgw did not start');
  await listening(port, 120_000);
  const ready = (performance.now() - started) / 1000;
  await delay(times.settleSeconds * 1000);
  counts.clear();
  const cpuBefore = cpuSeconds(pid);
  await delay(times.idleSeconds * 1000);
  const minutes = times.idleSeconds / 60;
  const idleCpuPerMinute = (cpuSeconds(pid) - cpuBefore) / minutes;
  const listsPerMinute = (counts.get('GET list') ?? 0) / minutes;
  const memoryMib = peakMemoryMib(pid);
  const logins: number[] = [];
  for (let at = 0; at < 9; at += 1) logins.push(await loginOnce(identity, port, userName(at)));
  const recoveryStatus = await timedRun(env, [0, 12], 'recovery', 'status', '--root', root);
  const doctorSample = await timedRun(env, [0, 12], 'doctor', '--sample', '--root', root);
  const add = [
    'user',
    'add',
    'onemore',
    '--root',
    root,
    '--sse',
    '1',
    '--public-key-file',
    `${identity}.pub`,
  ];
  const userAdd = await timedRun(env, [0], ...add);
  await run(env, 'user', 'remove', 'onemore', '--root', root, '--yes');
  await stop(child);
  const longestTurnMs = Number(readFileSync(turns, 'utf8'));
  return {
    users,
    ready,
    idleCpuPerMinute,
    listsPerMinute,
    memoryMib,
    loginMs: median(logins),
    userAdd,
    recoveryStatus,
    doctorSample,
    longestTurnMs,
  };
}

const header = [
  'users',
  'ready s',
  'idle CPU s/min',
  'LIST/min',
  'memory MiB',
  'login ms',
  'user add s',
  'recovery status s',
  'doctor --sample s',
  'longest turn ms',
];

function cells(row: GrowthRow): readonly string[] {
  return [
    String(row.users),
    row.ready.toFixed(1),
    row.idleCpuPerMinute.toFixed(1),
    row.listsPerMinute.toFixed(0),
    row.memoryMib.toFixed(0),
    row.loginMs.toFixed(0),
    row.userAdd.toFixed(2),
    row.recoveryStatus.toFixed(2),
    row.doctorSample.toFixed(2),
    row.longestTurnMs.toFixed(0),
  ];
}

/** Logs in with OpenSSH and ends the session. Returns the duration in milliseconds. */
async function loginOnce(identity: string, port: number, user: string): Promise<number> {
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=no',
    'UserKnownHostsFile=/dev/null',
    'LogLevel=ERROR',
  ];
  const given = options.flatMap((option) => ['-o', option]);
  const args = ['-q', '-i', identity, '-P', String(port), ...given, `${user}@127.0.0.1`];
  return (await timed('sftp', args, { input: 'bye\n' })) * 1000;
}

/** Runs a command of the gateway and returns its duration in seconds. Throws for other exit codes. */
async function timedRun(
  env: NodeJS.ProcessEnv,
  codes: readonly number[],
  ...args: readonly string[]
): Promise<number> {
  const started = performance.now();
  const { code, output } = await run(env, ...args);
  if (!codes.includes(code ?? -1)) throw new Error(`sftpgw ${args.join(' ')} exited with ${code}: ${output}`);
  return (performance.now() - started) / 1000;
}

/** Runs a command of the gateway. The proxy in this process works meanwhile. */
async function run(
  env: NodeJS.ProcessEnv,
  ...args: readonly string[]
): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, [mainScript, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
    });
  return { code: await exit(child), output };
}

/** Returns the variables that `sftpgw env` prints for an embedded server. */
async function environmentOf(root: string): Promise<Record<string, string>> {
  const variables: Record<string, string> = {};
  for (const line of (await run(process.env, 'env', '--root', root)).output.split('\n')) {
    const [, name, value] = /^export (\w+)='?([^']*)'?$/.exec(line.trim()) ?? [];
    if (name !== undefined && value !== undefined) variables[name] = value;
  }
  return variables;
}
