import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import type { MirrorPrefixStatus } from '../../model/mirror.js';
import { parseUsername } from '../../model/users.js';
import type { OpenRoot } from '../../operations/open-root.js';
import { downloadsMirrorName, sharedMirrorName } from '../../users/mirror-sources.js';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodeOf, exitCodes } from '../exit-codes.js';
import { ProgressLine } from '../terminal/progress.js';
import { renderJson } from '../terminal/render.js';
import { describeAction, describeMirrorProblems, describePass } from './report.js';

interface RunFlags {
  readonly user?: readonly string[];
  readonly shared?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** `sftpgw mirror run`. */
export function mirrorRunCommand(context: CommandContext): Command {
  const summary = [
    'Compare the downloads and the shared directory with S3 now, and make them the same.',
    'While a gateway runs on the root it does the work, and goes on when this command is interrupted. Without --user and --shared everything is',
    'compared. The code is 12 when an object could not be mirrored, and says why when S3 could not be listed. --json prints the state',
    'afterwards as an array, with --dry-run one object a line: what would be done, "leave" for what stays.',
  ].join('\n');
  const command = newCommand('run', summary, [
    'sftpgw mirror run',
    'sftpgw mirror run --user bob --user alice',
    'sftpgw mirror run --shared --dry-run',
  ]);
  return command
    .option('--user <name...>', 'the downloads of these users')
    .option('--shared', 'the shared directory')
    .option('--dry-run', 'only print what would be done')
    .option('--json', 'as JSON')
    .action(async (flags: RunFlags) => {
      const names = namesOf(flags);
      await context.withRoot(context.rootOf(command), async (root) => {
        if (flags.dryRun === true) await showPlan(context, root, names, flags.json === true);
        else await runPasses(context, root, names, flags.json === true);
      });
    });
}

/** The names of the mirrors; null for all. */
function namesOf({ user, shared }: RunFlags): readonly string[] | null {
  if (user === undefined && shared === undefined) return null;
  const names = (user ?? []).map((name) => downloadsMirrorName(parseUsername(name)));
  return [...new Set([...names, ...(shared === true ? [sharedMirrorName] : [])])];
}

async function runPasses(
  { shell, setExitCode }: CommandContext,
  root: OpenRoot,
  names: readonly string[] | null,
  asJson: boolean,
): Promise<void> {
  const { runMirrorPasses } = await import('../../operations/mirror.js');
  const done: MirrorPrefixStatus[] = [];
  using line = new ProgressLine(shell.terminal);
  await runMirrorPasses(root, names, (event) => {
    if (event.kind === 'progress') {
      const { name, progress } = event;
      if (progress === null) return;
      const { fetched, fetchedBytes, toFetch, toFetchBytes, listingDone, listed } = progress;
      const what = listingDone ? name : `${name}: ${listed} listed`;
      line.update(what, {
        files: fetched,
        totalFiles: listingDone ? toFetch : null,
        bytes: fetchedBytes,
        totalBytes: listingDone ? toFetchBytes : null,
      });
      return;
    }
    line.clear();
    done.push(event.status);
    if (!asJson) shell.out(describePass(event.status));
    for (const problem of describeMirrorProblems(event.status)) shell.err(problem);
  });
  line.clear();
  if (asJson) shell.out(renderJson(done));
  else if (done.length === 0)
    shell.err('nothing is mirrored: no user has downloads=yes, and nobody sees shared/');
  const failed = done.find(({ lastPass }) => lastPass?.result === 'failed');
  if (failed !== undefined) setExitCode(exitCodeOf[failed.lastPass?.fault ?? 'unavailable']);
  else if (done.some(({ lastPass }) => lastPass?.result === 'cancelled')) {
    throw new Fault('cancelled', 'the mirror was stopped while it ran');
  } else if (done.some(({ problemCount }) => problemCount > 0)) setExitCode(exitCodes.findings);
}

async function showPlan(
  { shell, setExitCode }: CommandContext,
  root: OpenRoot,
  names: readonly string[] | null,
  asJson: boolean,
): Promise<void> {
  const { planMirrorPasses } = await import('../../operations/mirror.js');
  let left = 0;
  for await (const { name, actions } of planMirrorPasses(root, names)) {
    for (const action of actions) {
      if (action.kind === 'report') setExitCode(exitCodes.findings);
      if (asJson) shell.out(JSON.stringify({ mirror: name, ...action }));
      else if (action.kind === 'leave') left += 1;
      else shell.out(`${name}: ${describeAction(action)}`);
    }
  }
  if (!asJson)
    shell.err(
      `${left} ${left === 1 ? 'stays' : 'stay'} as ${left === 1 ? 'it is' : 'they are'}; nothing was changed`,
    );
}
