import type { Command } from 'commander';
import { Fault, isFault } from '../../model/fault.js';
import {
  type RotationId,
  type RotationJob,
  type RotationJobs,
  type RotationPace,
  type VersionPolicy,
  versionPolicies,
} from '../../model/rotation.js';
import { parseUsername } from '../../model/users.js';
import type { OpenRoot } from '../../operations/open-root.js';
import type { RotationRunner } from '../../operations/rotation.js';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { ProgressLine } from '../terminal/progress.js';
import { renderJson } from '../terminal/render.js';
import { parseParallel, parseRate } from './rotation-pace.js';
import { rotationReport } from './rotation-report.js';

interface RotateFlags {
  readonly user?: string;
  readonly shared?: boolean;
  readonly downloads?: boolean;
  readonly presentKey?: boolean;
  readonly versions?: string;
  readonly rate?: string;
  readonly parallel?: string;
  readonly resume?: boolean;
  readonly status?: boolean;
  readonly json?: boolean;
}

/** `sftpgw key rotate`. */
export function keyRotateCommand(context: CommandContext): Command {
  const summary = [
    'Give a user a new key, and bring the user’s objects from the older keys to it.',
    'The new key counts for uploads at once. The objects follow in S3, in place; the bytes do not pass through here. Uploads, downloads and removals go on',
    'meanwhile. A running gateway does the work, else this command. Ctrl-C ends the command: a gateway goes on, and otherwise',
    'the same command, or --resume, goes on where it was.',
  ].join('\n');
  const command = newCommand('rotate', summary, [
    'sftpgw key rotate --user bob',
    'sftpgw key rotate --user bob --rate 50MiB/s --parallel 4',
    'sftpgw key rotate --user bob --present-key --versions rewrite',
    'sftpgw key rotate --status',
  ]);
  return command
    .option('--user <name>', 'whose key')
    .option('--present-key', 'makes no key: brings what rests under older keys to the present one')
    .option(
      '--versions <what>',
      'older versions: keep (they and their key stay) or rewrite (each becomes an object NAME.version-TIME-ID under the new key, and is removed as a version)',
      'keep',
    )
    .option('--rate <rate>', 'at most so much: 20/s (objects) or 50MiB/s')
    .option('--parallel <n>', 'objects at once, 1 to 64; 8 without')
    .option('--resume', 'goes on with what is not at its end, and begins nothing')
    .option('--status', 'shows the changes of keys, and does nothing')
    .option('--shared', 'refused: says what to do instead')
    .option('--downloads', 'refused: says what to do instead')
    .option('--json', 'the result as JSON')
    .action((flags: RotateFlags) =>
      context.withRoot(context.rootOf(command), (root) => rotate(context, root, flags)),
    );
}

async function rotate(context: CommandContext, root: OpenRoot, flags: RotateFlags): Promise<void> {
  if (flags.shared || flags.downloads) throw othersKeys();
  const daemon = await import('../../operations/rotation.js');
  const jobs = daemon.rotationJobs(root);
  if (flags.status) {
    await show(context, jobs, await selected(jobs, flags, 'list'), flags);
    return;
  }
  const pace: Partial<RotationPace> = {
    ...(flags.rate === undefined ? {} : parseRate(flags.rate)),
    ...(flags.parallel === undefined ? {} : parseParallel(flags.parallel)),
  };
  const begun: RotationJob[] = [];
  if (flags.resume) {
    for (const job of await selected(jobs, flags, 'running'))
      begun.push(await daemon.updatePace(jobs, job, pace));
    if (begun.length === 0) throw new Fault('not-found', 'no change of a key is under way');
  } else {
    if (flags.user === undefined) throw new Fault('invalid', 'say whose key: --user NAME');
    const username = parseUsername(flags.user);
    const versions = parseVersions(flags.versions);
    const presentKey = flags.presentKey ?? false;
    begun.push(await daemon.beginRotation(root, { username, versions, pace, presentKey }));
  }
  const done: RotationJob[] = [];
  for (const job of begun) done.push(await follow(context, root, job.id, daemon.followRotation));
  await show(context, jobs, done, flags);
  if (done.some(({ counts }) => counts.failed > 0)) context.setExitCode(exitCodes.failure);
}

function parseVersions(text = 'keep'): VersionPolicy {
  const policy = versionPolicies.find((known) => known === text);
  if (policy === undefined) throw new Fault('invalid', `--versions ${text}: keep or rewrite`);
  return policy;
}

/** Others write there, with a key that they hold: changing it here would lock them out of what they write next. */
function othersKeys(): Fault {
  return new Fault(
    'unsupported',
    'objects below downloads/ and shared/ are written by others, with a key that they hold: give them and sse-sync.key the new key (the old one stays beside it as sse-sync.key.FINGERPRINT), then `sftpgw object cp` each object onto itself',
  );
}

async function selected(
  jobs: RotationJobs,
  { user }: RotateFlags,
  which: 'list' | 'running',
): Promise<readonly RotationJob[]> {
  const all = await jobs[which]();
  return user === undefined ? all : all.filter(({ username }) => username === user);
}

async function follow(
  { shell }: CommandContext,
  root: OpenRoot,
  id: RotationId,
  followRotation: typeof import('../../operations/rotation.js').followRotation,
): Promise<RotationJob> {
  using line = new ProgressLine(shell.terminal);
  const seen: { runner: RotationRunner } = { runner: 'this command' };
  try {
    return await followRotation(root, id, (job, runner) => {
      seen.runner = runner;
      const { rekeyed, already, withoutKey, bytes } = job.counts;
      const files = rekeyed + already + withoutKey;
      const what = job.obstacle === null ? 'new key' : 'waiting';
      line.update(what, { files, totalFiles: null, bytes, totalBytes: null });
    });
  } catch (error) {
    line.clear();
    if (isFault(error, 'cancelled')) {
      const goesOn =
        seen.runner === 'the gateway'
          ? 'the gateway goes on with it'
          : '`sftpgw key rotate --resume` goes on';
      throw new Fault('cancelled', `the change of key is not at its end: ${goesOn}`, { cause: error });
    }
    throw error;
  }
}

async function show(
  { shell }: CommandContext,
  rotations: RotationJobs,
  jobs: readonly RotationJob[],
  { json, status }: RotateFlags,
): Promise<void> {
  const found = [];
  for (const job of jobs) found.push({ job, problems: await rotations.problems(job.id) });
  if (json) {
    shell.out(renderJson(found.map(({ job, problems }) => ({ ...job, problems }))));
  } else if (found.length === 0 && status) shell.err('no key has been changed yet');
  else shell.out(found.map(({ job, problems }) => rotationReport(job, problems)).join('\n\n'));
}
