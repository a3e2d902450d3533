import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cpuSecondsOf, peakMemoryMib, processTree } from '../measure.js';
import type { Arena } from '../peers/peer.js';
import { gatewayRoot, mainScript } from '../peers/sftpgw.js';
import { exit, timed } from '../process.js';

/** The measurements of one run. */
export interface Run {
  /** The duration until the program ended. */
  readonly seconds: number;
  /**
   * The duration until all written data was on disk. It includes `sync -f` after programs that do not sync.
   */
  readonly durableSeconds: number;
  readonly cpuSeconds: number;
  readonly peakMib: number;
}

/** Mirrors a prefix to an empty directory, once. */
export interface MirrorContender {
  readonly name: string;
  run(arena: Arena, user: string): Promise<Run>;
}

/** Returns the prefix that the gateway mirrors for a user. */
export function prefixOf(user: string): string {
  return `${user}/downloads/`;
}

/**
 * The gateway is first, because the others are compared with it. They run with their defaults and with tuned
 * settings.
 */
export const mirrorContenders: readonly MirrorContender[] = [
  {
    name: 'sftpgw mirror run',
    async run(arena, user) {
      const root = await mirrorRoot(arena, user);
      return measure(
        process.execPath,
        [mainScript, 'mirror', 'run', '--root', root],
        credentials(arena),
        null,
      );
    },
  },
  rclone('rclone sync', []),
  rclone('rclone sync --transfers 32 --checkers 32', ['--transfers', '32', '--checkers', '32']),
  aws('aws s3 sync', null),
  aws('aws s3 sync, 32 parallel requests', 32),
];

/** Creates a root with a user whose downloads are mirrored. Nothing is on disk yet. */
export async function mirrorRoot(
  arena: Arena,
  user: string,
  further: readonly string[] = [],
): Promise<string> {
  const root = gatewayRoot(arena, further);
  const keyFile = join(arena.work, 'key.b64');
  writeFileSync(keyFile, arena.keyBase64, { mode: 0o600 });
  const flags = [
    '--sse',
    '3',
    '--sse-key-file',
    keyFile,
    '--public-key-file',
    `${arena.identity}.pub`,
    '--downloads',
  ];
  await timed(process.execPath, [mainScript, 'user', 'add', user, '--root', root, ...flags], {
    env: credentials(arena),
  });
  return root;
}

/** Returns the arena's S3 credentials as environment variables. */
export function credentials(arena: Arena): NodeJS.ProcessEnv {
  return { AWS_ACCESS_KEY_ID: arena.accessKeyId, AWS_SECRET_ACCESS_KEY: arena.secretAccessKey };
}

function rclone(name: string, flags: readonly string[]): MirrorContender {
  return {
    name,
    run(arena, user) {
      const target = emptyTarget(arena);
      const args = ['sync', `arena:${arena.bucket}/${prefixOf(user)}`, target, '--ca-cert', arena.caFile];
      const env = {
        // rclone's S3 library does not start with this variable; --ca-cert replaces it.
        AWS_CA_BUNDLE: undefined,
        RCLONE_CONFIG_ARENA_TYPE: 's3',
        RCLONE_CONFIG_ARENA_PROVIDER: 'Ceph',
        RCLONE_CONFIG_ARENA_ENDPOINT: arena.endpoint,
        RCLONE_CONFIG_ARENA_REGION: arena.region,
        RCLONE_CONFIG_ARENA_ACCESS_KEY_ID: arena.accessKeyId,
        RCLONE_CONFIG_ARENA_SECRET_ACCESS_KEY: arena.secretAccessKey,
        RCLONE_CONFIG_ARENA_SSE_CUSTOMER_ALGORITHM: 'AES256',
        RCLONE_CONFIG_ARENA_SSE_CUSTOMER_KEY_BASE64: arena.keyBase64,
      };
      return measure('rclone', [...args, '--config', '/dev/null', ...flags], env, target);
    },
  };
}

function aws(name: string, requests: number | null): MirrorContender {
  return {
    name,
    run(arena, user) {
      const target = emptyTarget(arena);
      const config = join(arena.work, 'aws.config');
      writeFileSync(
        config,
        requests === null ? '' : `[default]\ns3 =\n  max_concurrent_requests = ${requests}\n`,
      );
      const env = {
        ...credentials(arena),
        AWS_DEFAULT_REGION: arena.region,
        AWS_CA_BUNDLE: arena.caFile,
        AWS_CONFIG_FILE: config,
      };
      const key = ['--sse-c', 'AES256', '--sse-c-key', `fileb://${arena.keyFile}`];
      const from = `s3://${arena.bucket}/${prefixOf(user)}`;
      return measure(
        'aws',
        ['s3', 'sync', '--quiet', '--endpoint-url', arena.endpoint, ...key, from, target],
        env,
        target,
      );
    },
  };
}

function emptyTarget(arena: Arena): string {
  const target = join(arena.work, 'target');
  mkdirSync(target);
  return target;
}

/**
 * Measures one program. `unsynced` is the directory to sync after it, or null if the program syncs its files.
 */
async function measure(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  unsynced: string | null,
): Promise<Run> {
  // Data that others wrote before must not slow this program down.
  await timed('sync', []);
  const start = performance.now();
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const pid = child.pid;
  if (pid === undefined) throw new Error(`${program} did not start`);
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-2000);
  });
  let peakMib = 0;
  let cpuSeconds = 0;
  const look = () => {
    try {
      peakMib = Math.max(peakMib, peakMemoryMib(pid));
      cpuSeconds = Math.max(cpuSeconds, cpuSecondsOf(processTree(pid)));
    } catch {
      // The process has just ended. The last sample counts.
    }
  };
  const timer = setInterval(look, 50);
  const code = await exit(child);
  clearInterval(timer);
  const seconds = (performance.now() - start) / 1000;
  if (code !== 0) throw new Error(`${program} exited with ${code}: ${output}`);
  if (unsynced !== null) await timed('sync', ['-f', unsynced]);
  return { seconds, durableSeconds: (performance.now() - start) / 1000, cpuSeconds, peakMib };
}
