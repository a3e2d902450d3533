import type { Command } from 'commander';
import { type CommandContext, newCommand } from '../command.js';
import { rootExits } from '../exit-codes.js';

/** Creates `sftpgw cluster leave`. */
export function clusterLeaveCommand(context: CommandContext): Command {
  const summary = [
    'Leave the cluster with this machine. Stop its gateway first.',
    'Sends the last changes of its files, removes it from the database and sets cluster=no. Other machines finish or undo its uploads. Its root stays, with the identity and all keys. The last machine of a cluster keeps the database for itself.',
  ].join('\n');
  const command = newCommand(
    'leave',
    summary,
    ['systemctl stop sftpgw && sftpgw cluster leave', 'sftpgw cluster leave --node f3a4be2290cd71c8'],
    [...rootExits, 'conflict', 'key'],
  );
  return command
    .option('--node <id>', 'remove another machine, which is lost, instead of this one')
    .action((flags: { readonly node?: string }) =>
      flags.node === undefined ? leave(context, command) : removeLost(context, command, flags.node),
    );
}

async function leave(context: CommandContext, command: Command): Promise<void> {
  const { shell } = context;
  const { leaveCluster } = await import('../../operations/cluster/leave-cluster.js');
  const root = context.rootOf(command);
  const { database, machines } = await context.interruptible((signal) => leaveCluster(root, signal));
  if (machines.length === 0) {
    shell.out(`left the cluster as its last machine: the gateway now uses the ${database} alone`);
    return;
  }
  shell.out(`left the cluster on the ${database}; it has ${machines.join(', ')}`);
  shell.err(
    `${root} still has the identity and the keys of the cluster: erase it, or join again after emptying it`,
  );
}

async function removeLost(context: CommandContext, command: Command, id: string): Promise<void> {
  const { removeLostMachine } = await import('../../operations/cluster/leave-cluster.js');
  const { database, machines } = await removeLostMachine(context.rootOf(command), id);
  context.shell.out(`removed the machine ${id} from the ${database}; it has ${machines.join(', ')}`);
}
