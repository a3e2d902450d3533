import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { peakMemoryMib, threadCpuSeconds } from '../measure.js';
import { asServer, freePort, listening, stop, timed } from '../process.js';
import type { Arena, Peer } from './peer.js';

/** The built `sftpgw` program. */
export const mainScript = resolve(import.meta.dirname, '../bin/sftpgw.js');

/** Creates a root with its settings and further lines for them. Returns its path. */
export function gatewayRoot(arena: Arena, further: readonly string[] = []): string {
  const root = join(arena.work, 'root');
  mkdirSync(join(root, 'opt/sftpgw'), { recursive: true });
  writeFileSync(
    join(root, 'opt/sftpgw/sftpgateway.properties'),
    [
      `bucket=${arena.bucket}`,
      `endpoint=${arena.endpoint}`,
      `endpoint.ca.file=${arena.caFile}`,
      `region=${arena.region}`,
      ...further,
      '',
    ].join('\n'),
  );
  return root;
}

export interface SftpgwOptions {
  /** Further variables of the server's environment. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Further lines of the settings. */
  readonly settings?: readonly string[];
  /** Path of another `sftpgw` program. */
  readonly program?: string;
}

/** Starts this gateway with `sftpgw serve`. */
export async function startSftpgw(
  arena: Arena,
  { environment = {}, settings = [], program = mainScript }: SftpgwOptions = {},
): Promise<Peer> {
  const root = gatewayRoot(arena, settings);
  const base64File = join(arena.work, 'key.b64');
  writeFileSync(base64File, arena.keyBase64, { mode: 0o600 });
  const credentials = {
    AWS_ACCESS_KEY_ID: arena.accessKeyId,
    AWS_SECRET_ACCESS_KEY: arena.secretAccessKey,
  };
  const user = ['--sse', '3', '--sse-key-file', base64File, '--public-key-file', `${arena.identity}.pub`];
  await timed(process.execPath, [program, 'user', 'add', 'bench', '--root', root, ...user], {
    env: credentials,
  });
  const port = await freePort();
  const child = asServer(
    spawn(process.execPath, [program, 'serve', '--root', root, '--sftp-listen', `127.0.0.1:${port}`], {
      env: { ...process.env, ...credentials, ...environment },
      stdio: 'ignore',
    }),
  );
  const pid = child.pid;
  if (pid === undefined) throw new Error('sftpgw did not start');
  await listening(port);
  return {
    name: 'sftpgw',
    port,
    user: 'bench',
    directory: '/uploads/',
    cpuSeconds: () => threadCpuSeconds(pid),
    peakMemoryMib: () => peakMemoryMib(pid),
    [Symbol.asyncDispose]: () => stop(child),
  };
}
