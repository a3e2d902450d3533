import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import type { MirrorPrefixStatus } from '../../model/mirror.js';
import { parseUsername } from '../../model/users.js';
import type { OpenRoot } from '../../operations/open-root.js';
import { downloadsMirrorName, sharedMirrorName } from '../../users/mirror-sources.js';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodeOf, exitCodes, rootExits } from '../exit-codes.js';
import { ProgressLine } from '../terminal/progress.js';
import { renderJson } from '../terminal/render.js';
import { describeAction, describeMirrorProblems, describePass } from './report.js';

interface RunFlags {
  readonly user?: readonly string[];
  readonly shared?: boolean;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

/** Creates `sftpgw mirror run`. */
export function mirrorRunCommand(context: CommandContext): Command {
  const summary = [
    'Sync downloads and the shared directory with S3 now.',
    'Without --user and --shared, syncs everything. If a gateway runs on the root, it does the work and continues when this command is interrupted. The exit code is 12 if objects could not be mirrored. --json prints the resulting state as an array; with --dry-run it prints one object per line, with "leave" for unchanged files.',
  ].join('\n');
  const command = newCommand(
    'run',
    summary,
    [
      'sftpgw mirror run',
      'sftpgw mirror run --user bob --user alice',
      'sftpgw mirror run --shared --dry-run',
    ],
    [...rootExits, 'conflict', 'findings'],
  );
  return command
    .option('--user <name...>', 'sync the downloads of these users')
    .option('--shared', 'sync the shared directory')
    .option('--dry-run', 'print what would be done, change nothing')
    .option('--json', 'print JSON')
    .action(async (flags: RunFlags) => {
      const names = namesOf(flags);
      await context.withRoot(context.rootOf(command), async (root) => {
        if (flags.dryRun === true) await showPlan(context, root, names, flags.json === true);
        else await runPasses(context, root, names, flags.json === true);
      });
    });
}

/** Returns the names of the mirrors; null for all. */
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
  else if (done.length === 0) shell.err('nothing is mirrored: no user has downloads=yes or shared=yes');
  const failed = done.find(({ lastPass }) => lastPass?.result === 'failed');
  if (failed !== undefined) setExitCode(exitCodeOf[failed.lastPass?.fault ?? 'unavailable']);
  else if (done.some(({ lastPass }) => lastPass?.result === 'cancelled')) {
    throw new Fault('cancelled', 'the mirror was stopped during the pass');
  } else if (done.some(({ problemCount }) => problemCount > 0)) setExitCode(exitCodes.findings);
}

async function showPlan(
  { shell, setExitCode }: CommandContext,
  root: OpenRoot,
  names: readonly string[] | null,
  asJson: boolean,
): Promise<void> {
  const { planMirrorPasses } = await import('../../operations/mirror.js');
  let unchanged = 0;
  for await (const { name, actions } of planMirrorPasses(root, names)) {
    for (const action of actions) {
      if (action.kind === 'report') setExitCode(exitCodes.findings);
      if (asJson) shell.out(JSON.stringify({ mirror: name, ...action }));
      else if (action.kind === 'leave') unchanged += 1;
      else shell.out(`${name}: ${describeAction(action)}`);
    }
  }
  if (!asJson) shell.err(`${unchanged} unchanged; this was a dry run`);
}
