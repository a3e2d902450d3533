import { connect, type Socket } from 'node:net';
import { userInfo } from 'node:os';
import { pipeline } from 'node:stream/promises';
import type { Command } from 'commander';
import { rootPaths } from '../config/paths.js';
import { isAbsence } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';
import { formatPreface, parseAnswer } from '../sftp/stdio/preface.js';
import { readLine } from '../sftp/stdio/read-line.js';
import { userSocketPath } from '../sftp/stdio/user-socket.js';
import { type CommandContext, newCommand } from './command.js';

/** Creates `sftpgw stdio`. */
export function stdioCommand(context: CommandContext): Command {
  const summary = [
    'Connect stdin and stdout to the SFTP service of the running gateway.',
    'For sshd: it logs users in, and the gateway serves the SFTP user with the name of the Unix user that runs this command. The gateway needs sftp.stdio=yes. In sshd_config, as one line:\n\n  Subsystem sftp /usr/local/bin/sftpgw stdio',
  ].join('\n');
  const command = newCommand(
    'stdio',
    summary,
    ['sftpgw stdio --root /srv/sftpgw'],
    ['success', 'failure', 'usage', 'notFound', 'denied', 'tryAgain'],
  );
  return command.action(async () => {
    const { username } = userInfo();
    const path = userSocketPath(rootPaths(context.rootOf(command)).stdioDirectory, username);
    const socket = await open(path, username);
    const [address = '-'] = (context.shell.environment['SSH_CONNECTION'] ?? '-').split(' ');
    socket.write(formatPreface(address));
    const refusal = parseAnswer(await readLine(socket, new AbortController().signal));
    if (refusal === undefined) {
      throw new Fault('unavailable', 'the gateway has another version than sftpgw stdio');
    }
    if (refusal !== null) throw new Fault('denied', refusal);
    await Promise.all([pipeline(process.stdin, socket), pipeline(socket, process.stdout)]).catch(
      () => undefined,
    );
  });
}

function open(path: string, username: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, allowHalfOpen: true });
    socket.once('connect', () => resolve(socket));
    socket.on('error', (error: NodeJS.ErrnoException) => reject(faultOf(error, path, username)));
  });
}

function faultOf(error: NodeJS.ErrnoException, path: string, username: string): Fault {
  if (isAbsence(error)) {
    return new Fault(
      'not-found',
      `no SFTP service for ${username} at ${path}: the user needs an SFTP account of the same name, and the gateway sftp.stdio=yes`,
    );
  }
  if (error.code === 'EACCES' || error.code === 'EPERM') {
    return new Fault('denied', `${path} belongs to another user: run the command as ${username}`);
  }
  return new Fault('unavailable', `the gateway does not listen on ${path}`, { cause: error });
}
