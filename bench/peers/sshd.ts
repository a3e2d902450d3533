import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cpuSecondsOf, peakMemoryMib, processTree } from '../measure.js';
import { asServer, freePort, listening, stop, timed } from '../process.js';

/** A running sshd with its port, the CPU seconds used so far and its peak memory. */
export interface Sshd extends AsyncDisposable {
  readonly port: number;
  cpuSeconds(): number;
  peakMemoryMib(): number;
}

/**
 * Starts OpenSSH's server on a loopback port, for one key, with its in-process SFTP server. Needs root, like
 * sshd.
 */
export async function startSshd(work: string, identity: string): Promise<Sshd> {
  mkdirSync(work, { recursive: true });
  mkdirSync('/run/sshd', { recursive: true });
  const port = await freePort();
  const hostKey = join(work, 'host_key');
  await timed('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', hostKey]);
  const authorized = join(work, 'authorized_keys');
  copyFileSync(`${identity}.pub`, authorized);
  chmodSync(authorized, 0o600);
  const configuration = join(work, 'sshd_config');
  writeFileSync(
    configuration,
    [
      `ListenAddress 127.0.0.1:${port}`,
      `HostKey ${hostKey}`,
      `AuthorizedKeysFile ${authorized}`,
      'StrictModes no',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'UsePAM no',
      'PidFile none',
      'Subsystem sftp internal-sftp',
      '',
    ].join('\n'),
  );
  const child: ChildProcess = asServer(
    spawn('/usr/sbin/sshd', ['-D', '-e', '-f', configuration], { stdio: 'ignore' }),
  );
  const pid = child.pid;
  if (pid === undefined) throw new Error('sshd did not start');
  await listening(port);
  return {
    port,
    cpuSeconds: () => cpuSecondsOf(processTree(pid)),
    peakMemoryMib: () => peakMemoryMib(pid),
    [Symbol.asyncDispose]: () => stop(child),
  };
}
