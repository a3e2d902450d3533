import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { cpuSeconds, peakMemoryMib } from '../measure.js';
import { asServer, stop, timed } from '../process.js';
import type { Arena, Peer } from './peer.js';
import { startSshd } from './sshd.js';

/** Starts OpenSSH's server on a bucket mounted with s3fs, with objects encrypted with the customer key. */
export async function startSshdOverS3fs(arena: Arena): Promise<Peer> {
  const mount = join(arena.work, 'mount');
  const cache = join(arena.work, 'tmp');
  for (const directory of [mount, cache]) mkdirSync(directory, { recursive: true });
  const password = join(arena.work, 'passwd-s3fs');
  const keys = join(arena.work, 'sse.keys');
  writeFileSync(password, `${arena.accessKeyId}:${arena.secretAccessKey}\n`);
  writeFileSync(keys, `${arena.keyBase64}\n`);
  for (const file of [password, keys]) chmodSync(file, 0o600);
  const options = [
    `passwd_file=${password}`,
    `url=${arena.endpoint}`,
    'use_path_request_style',
    `use_sse=custom:${keys}`,
    `tmpdir=${cache}`,
  ];
  const child = asServer(
    spawn('s3fs', [arena.bucket, mount, '-f', ...options.flatMap((option) => ['-o', option])], {
      env: { ...process.env, CURL_CA_BUNDLE: arena.caFile },
      stdio: 'ignore',
    }),
  );
  const pid = child.pid;
  if (pid === undefined) throw new Error('s3fs did not start');
  for (let tries = 0; !readFileSync('/proc/mounts', 'utf8').includes(` ${mount} fuse`); tries += 1) {
    if (tries > 200 || child.exitCode !== null)
      throw new Error(`s3fs did not mount (exit ${child.exitCode})`);
    await delay(50);
  }
  const sshd = await startSshd(join(arena.work, 'sshd'), arena.identity);
  return {
    name: 'sshd + s3fs',
    port: sshd.port,
    user: 'root',
    directory: `${mount}/`,
    cpuSeconds: () => sshd.cpuSeconds() + cpuSeconds(pid),
    peakMemoryMib: () => sshd.peakMemoryMib() + peakMemoryMib(pid),
    async [Symbol.asyncDispose]() {
      await sshd[Symbol.asyncDispose]();
      await unmount(mount);
      await stop(child);
    },
  };
}

/** Unmounts the directory. The program has other names in libfuse 3 and libfuse 2. */
async function unmount(mount: string): Promise<void> {
  const lazily = ['-u', '-z', mount];
  await timed('fusermount3', lazily).catch(() => timed('fusermount', lazily));
}
