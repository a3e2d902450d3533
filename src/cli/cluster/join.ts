import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes, rootExits } from '../exit-codes.js';
import { readAnswerFile } from '../terminal/answers.js';
import { renderFields } from '../terminal/render.js';
import type { Shell } from '../terminal/shell.js';

interface JoinFlags {
  readonly tokenFile?: string;
  readonly databaseUrl?: string;
  readonly databasePasswordFile?: string;
  readonly databaseCaFile?: string;
}

const maxTokenBytes = 1_024;

/** Creates `sftpgw cluster join`. */
export function clusterJoinCommand(context: CommandContext): Command {
  const summary = [
    'Join a cluster with this machine, whose root must be empty.',
    'Receives the identity, users, keys, settings and host keys of the cluster. The token comes from a file, stdin or a prompt. Settings of the database that are given are written to the settings file. Run the same command again after an interruption.',
  ].join('\n');
  const command = newCommand(
    'join',
    summary,
    [
      'sftpgw cluster join --database-url postgres://sftpgw@db/sftpgw \\\n  --database-password-file /etc/sftpgw/database-password',
      'ssh host1 sftpgw cluster token | sftpgw cluster join',
    ],
    [...rootExits, 'conflict', 'key', 'limit', 'findings'],
  );
  return command
    .option('--token-file <file>', 'a file with the token; "-" is stdin (default: a prompt, or stdin)')
    .option('--database-url <url>', 'the PostgreSQL database of the cluster')
    .option('--database-password-file <file>', 'a file with its password')
    .option('--database-ca-file <file>', 'trusted certificate authorities of the database (PEM)')
    .action((flags: JoinFlags) => join(context, context.rootOf(command), flags));
}

async function join(context: CommandContext, root: string, flags: JoinFlags): Promise<void> {
  const { shell } = context;
  const { joinCluster } = await import('../../operations/cluster/join-cluster.js');
  const path = (file: string | undefined) =>
    file === undefined ? null : resolve(shell.workingDirectory, file);
  const answers = {
    url: flags.databaseUrl ?? null,
    passwordFile: path(flags.databasePasswordFile),
    caFile: path(flags.databaseCaFile),
  };
  const { database, files, users, problems } = await context.interruptible((signal) =>
    joinCluster(root, answers, () => readToken(shell, flags.tokenFile), signal),
  );
  shell.out(
    renderFields([
      ['database', database],
      ['files', `${files}, with ${users} users`],
      ['next', 'start the gateway, and add it to the load balancer'],
    ]),
  );
  for (const problem of problems) shell.err(problem);
  if (problems.length > 0) context.setExitCode(exitCodes.findings);
}

async function readToken(shell: Shell, file: string | undefined): Promise<string> {
  if (file !== undefined) return (await readAnswerFile(shell, file)).toString('utf8');
  const asked = shell.withPrompter((prompter) => prompter.askSecret('Token: '));
  return asked === null ? (await shell.readInput(maxTokenBytes)).toString('utf8') : await asked;
}
