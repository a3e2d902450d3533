import type { Command } from 'commander';
import type { ClusterNode } from '../../model/api/cluster.js';
import { type CommandContext, newCommand } from '../command.js';
import { rootExits } from '../exit-codes.js';
import { renderDuration, renderJson, renderTable } from '../terminal/render.js';

/** Creates `sftpgw cluster status`. */
export function clusterStatusCommand(context: CommandContext): Command {
  const summary = [
    'List the gateways and workers on the database of this root.',
    'A node is live if the database has seen it within ten seconds. It is stopped if it ended in order, and dead otherwise: another node then finishes or undoes its uploads.',
  ].join('\n');
  const command = newCommand(
    'status',
    summary,
    ['sftpgw cluster status', 'sftpgw cluster status --json | jq ".nodes[].state"'],
    rootExits,
  );
  return command
    .option('--json', 'print JSON')
    .action((flags: { json?: boolean }) => status(context, command, flags.json === true));
}

async function status({ shell, rootOf }: CommandContext, command: Command, isJson: boolean): Promise<void> {
  const { clusterStatus } = await import('../../operations/database/cluster-status.js');
  const { isClustered, workers, database, nodes } = await clusterStatus(rootOf(command));
  if (isJson) {
    shell.out(renderJson({ cluster: isClustered, database, nodes: nodes.map(viewOf) }));
    return;
  }
  if (nodes.length > 0) shell.out(renderTable(header, nodes.map(rowOf)));
  else shell.err(`no gateway has registered at ${database}`);
  if (!isClustered) {
    const processes = workers === 1 ? '' : ` with ${workers} workers`;
    shell.err(`cluster=no: one gateway${processes} uses the database`);
  }
}

const header = ['name', 'id', 'state', 'last seen', 'version'];

function rowOf({ name, id, state, agoMs, version }: ClusterNode): readonly string[] {
  return [name, id, state, `${renderDuration(agoMs)} ago`, version ?? 'unknown'];
}

function viewOf({ id, name, state, version, startedMs, seenMs, agoMs }: ClusterNode) {
  const [started, lastSeen] = [startedMs, seenMs].map((ms) => new Date(ms).toISOString());
  return { name, id, state, version, started, lastSeen, secondsAgo: Math.round(agoMs / 1000) };
}
