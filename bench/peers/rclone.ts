import { spawn } from 'node:child_process';
import { cpuSeconds, peakMemoryMib } from '../measure.js';
import { asServer, freePort, listening, stop } from '../process.js';
import type { Arena, Peer } from './peer.js';

/** Starts `rclone serve sftp` on the bucket, with objects encrypted with the customer key. */
export async function startRclone(arena: Arena): Promise<Peer> {
  // rclone's S3 library does not start with this variable; --ca-cert replaces it.
  const { AWS_CA_BUNDLE: _, ...withoutCaBundle } = process.env;
  const port = await freePort();
  const child = asServer(
    spawn(
      'rclone',
      [
        ...['serve', 'sftp', `arena:${arena.bucket}`, '--addr', `127.0.0.1:${port}`],
        ...['--authorized-keys', `${arena.identity}.pub`, '--ca-cert', arena.caFile, '--config', '/dev/null'],
      ],
      {
        env: {
          ...withoutCaBundle,
          RCLONE_CONFIG_ARENA_TYPE: 's3',
          RCLONE_CONFIG_ARENA_PROVIDER: 'Ceph',
          RCLONE_CONFIG_ARENA_ENDPOINT: arena.endpoint,
          RCLONE_CONFIG_ARENA_REGION: arena.region,
          RCLONE_CONFIG_ARENA_ACCESS_KEY_ID: arena.accessKeyId,
          RCLONE_CONFIG_ARENA_SECRET_ACCESS_KEY: arena.secretAccessKey,
          RCLONE_CONFIG_ARENA_SSE_CUSTOMER_ALGORITHM: 'AES256',
          RCLONE_CONFIG_ARENA_SSE_CUSTOMER_KEY_BASE64: arena.keyBase64,
        },
        stdio: 'ignore',
      },
    ),
  );
  const pid = child.pid;
  if (pid === undefined) throw new Error('rclone did not start');
  await listening(port);
  return {
    name: 'rclone serve sftp',
    port,
    user: 'root',
    directory: '/',
    cpuSeconds: () => cpuSeconds(pid),
    peakMemoryMib: () => peakMemoryMib(pid),
    [Symbol.asyncDispose]: () => stop(child),
  };
}
