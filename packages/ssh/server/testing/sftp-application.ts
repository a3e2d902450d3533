import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { SessionRequest, SshChannel } from '../../connection/ssh-channel.js';
import type { SshConnection } from '../ssh-connection.js';

const program = '/usr/lib/openssh/sftp-server';
const maxBacklogBytes = 2 * 1024 * 1024;

/** True if OpenSSH's sftp-server is installed. Tests that need it are skipped otherwise. */
export const hasSftpServer = existsSync(program);

/** Serves each session with OpenSSH's sftp-server in a directory. */
export function sftpApplication(directory: string) {
  return (
    _connection: SshConnection,
    channel: SshChannel,
    request: SessionRequest,
    refuse: (text: string) => void,
  ): Promise<void> | void => {
    if (request.kind !== 'subsystem') return refuse('use scp without -O');
    const child = spawn(program, ['-d', directory], { stdio: ['pipe', 'pipe', 'ignore'] });
    const flow = () => {
      if (channel.backlogBytes >= maxBacklogBytes) child.stdout.pause();
      else child.stdout.resume();
    };
    child.stdin.on('error', () => undefined);
    child.stdin.on('drain', () => channel.resume());
    child.stdout.on('data', (bytes: Buffer) => {
      channel.write([bytes]);
      flow();
    });
    child.stdout.on('end', () => {
      channel.exit(0);
      channel.end();
    });
    return new Promise((resolve) => {
      channel.start({
        data: (chunk) => {
          if (!child.stdin.write(Buffer.from(chunk))) channel.pause();
        },
        ended: () => child.stdin.end(),
        drained: flow,
        closed: () => {
          child.kill();
          resolve();
        },
      });
    });
  };
}
