import type { Command } from 'commander';
import type { ClusterNode, SharedFilesReport, SharedFilesStatus } from '../../model/api/cluster.js';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes, rootExits } from '../exit-codes.js';
import { renderDuration, renderJson, renderTable } from '../terminal/render.js';

/** Creates `sftpgw cluster status`. */
export function clusterStatusCommand(context: CommandContext): Command {
  const summary = [
    'List the gateways and workers on the database of this root.',
    'A node is live if the database has seen it within ten seconds. It is stopped if it ended in order, and dead otherwise: another node then finishes or undoes its uploads. Also lists files that two nodes changed, and files that a node could not share. The exit code is 12 if there are any.',
  ].join('\n');
  const command = newCommand(
    'status',
    summary,
    ['sftpgw cluster status', 'sftpgw cluster status --json | jq ".nodes[].state"'],
    [...rootExits, 'findings'],
  );
  return command
    .option('--json', 'print JSON')
    .action((flags: { json?: boolean }) => status(context, command, flags.json === true));
}

async function status(context: CommandContext, command: Command, isJson: boolean): Promise<void> {
  const { shell, rootOf } = context;
  const { clusterStatus } = await import('../../operations/cluster/cluster-status.js');
  const { isClustered, workers, database, nodes, files } = await clusterStatus(rootOf(command));
  const troubles = troublesOf(files, nodes);
  if (troubles.length > 0) context.setExitCode(exitCodes.findings);
  if (isJson) {
    shell.out(
      renderJson({ cluster: isClustered, database, nodes: nodes.map(viewOf), files: filesView(files) }),
    );
    return;
  }
  if (nodes.length > 0)
    shell.out(
      renderTable(
        header,
        nodes.map((node) => rowOf(node, files)),
      ),
    );
  else shell.err(`no gateway has registered at ${database}`);
  if (files !== null) shell.out(`${files.files} shared files, revision ${files.revision}`);
  else if (isClustered) shell.err('the files of the nodes are not shared: run `sftpgw cluster init`');
  for (const trouble of troubles) shell.err(trouble);
  if (!isClustered) {
    const processes = workers === 1 ? '' : ` with ${workers} workers`;
    shell.err(`cluster=no: one gateway${processes} uses the database`);
  }
}

const header = ['name', 'id', 'state', 'last seen', 'version', 'files'];

function rowOf(
  { name, id, state, agoMs, version }: ClusterNode,
  files: SharedFilesStatus | null,
): readonly string[] {
  const report = files?.nodes.find((node) => node.id === id);
  return [
    ...[name, id, state, `${renderDuration(agoMs)} ago`, version ?? 'unknown'],
    files === null || report === undefined ? '' : shownFiles(report, files),
  ];
}

function shownFiles({ revision }: SharedFilesReport, files: SharedFilesStatus): string {
  return revision >= files.revision ? 'up to date' : `at ${revision}`;
}

function troublesOf(files: SharedFilesStatus | null, nodes: readonly ClusterNode[]): readonly string[] {
  return (files?.nodes ?? []).flatMap(({ id, conflicts, problems }) => {
    const name = nodes.find((node) => node.id === id)?.name ?? id;
    return [
      ...conflicts.map(
        (path) => `${name}: ${path}: two nodes changed the file; compare both, then remove this one`,
      ),
      ...problems.map((problem) => `${name}: ${problem}`),
    ];
  });
}

function filesView(files: SharedFilesStatus | null) {
  if (files === null) return null;
  const nodes = files.nodes.map(({ id, revision, conflicts, problems }) => ({
    ...{ id, revision, conflicts, problems },
  }));
  return { count: files.files, revision: files.revision, nodes };
}

function viewOf({ id, name, state, version, startedMs, seenMs, agoMs }: ClusterNode) {
  const [started, lastSeen] = [startedMs, seenMs].map((ms) => new Date(ms).toISOString());
  return { name, id, state, version, started, lastSeen, secondsAgo: Math.round(agoMs / 1000) };
}
