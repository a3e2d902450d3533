import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes, rootExits } from '../exit-codes.js';
import { renderFields } from '../terminal/render.js';

/** Creates `sftpgw cluster init`. */
export function clusterInitCommand(context: CommandContext): Command {
  const summary = [
    'Make this machine the first one of a cluster.',
    'Stores its users, keys, settings and host keys in the PostgreSQL database, sealed with its identity, and sets cluster=yes. The gateway may run. The exit code is 12 if a file could not be stored.',
  ].join('\n');
  const command = newCommand(
    'init',
    summary,
    ['sftpgw cluster init'],
    [...rootExits, 'exists', 'key', 'findings'],
  );
  return command.action(async () => {
    const { shell } = context;
    const { initCluster } = await import('../../operations/cluster/init-cluster.js');
    const root = context.rootOf(command);
    const { database, files, problems, isSettingChanged } = await context.interruptible((signal) =>
      initCluster(root, signal),
    );
    const restart = isSettingChanged ? 'restart the gateway, since cluster=yes is new; then ' : '';
    shell.out(
      renderFields([
        ['database', database],
        ['files', `${files}, sealed`],
        [
          'next',
          `${restart}run \`sftpgw cluster token\` here and \`sftpgw cluster join\` on the next machine`,
        ],
      ]),
    );
    for (const problem of problems) shell.err(problem);
    if (problems.length > 0) context.setExitCode(exitCodes.findings);
  });
}
