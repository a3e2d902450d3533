import { type Command, Option } from 'commander';
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
import type { RotationRunner } from '../../operations/follow-rotation.js';
import type { OpenRoot } from '../../operations/open-root.js';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes, rootExits } from '../exit-codes.js';
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
  readonly pause?: boolean;
  readonly resume?: boolean;
  readonly status?: boolean;
  readonly json?: boolean;
}

/** Creates `sftpgw key rotate`. */
export function keyRotateCommand(context: CommandContext): Command {
  const summary = [
    'Give a user a new key and re-encrypt the user’s objects with it.',
    'Uploads use the new key at once. S3 re-encrypts the objects in place; no content passes through this machine. Uploads, downloads and removals continue meanwhile. If a gateway runs on the root, it does the work and continues after Ctrl-C. Otherwise this command does the work, and the same command or --resume continues it.',
  ].join('\n');
  const command = newCommand(
    'rotate',
    summary,
    [
      'sftpgw key rotate --user bob',
      'sftpgw key rotate --user bob --rate 50MiB/s --parallel 4',
      'sftpgw key rotate --user bob --present-key --versions rewrite',
      'sftpgw key rotate --user bob --pause',
      'sftpgw key rotate --status',
    ],
    [...rootExits, 'conflict', 'key', 'limit'],
  );
  return (
    command
      .option('--user <name>', 'rotate the key of this user')
      .option('--present-key', 're-encrypt with the current key instead of generating a new one')
      .option(
        '--versions <what>',
        'older versions: "keep" them with their key, or "rewrite" each as an object NAME.version-TIME-ID with the new key and remove the version',
        'keep',
      )
      .option('--rate <rate>', 'maximum rate: 20/s (objects) or 50MiB/s')
      .option('--parallel <n>', 'objects in parallel, 1 to 64 (default: 8)')
      .option('--pause', 'pause running rotations until --resume')
      .option('--resume', 'continue paused and interrupted rotations, start none')
      .option('--status', 'show rotations, change nothing')
      // Hidden: both are refused with the way to do it instead.
      .addOption(new Option('--shared').hideHelp())
      .addOption(new Option('--downloads').hideHelp())
      .option('--json', 'print JSON')
      .action((flags: RotateFlags) =>
        context.withRoot(context.rootOf(command), (root) => rotate(context, root, flags)),
      )
  );
}

async function rotate(context: CommandContext, root: OpenRoot, flags: RotateFlags): Promise<void> {
  if (flags.shared || flags.downloads) throw othersKeys();
  const rotation = await import('../../operations/rotation.js');
  const jobs = rotation.rotationJobs(root);
  if (flags.status) {
    await show(context, jobs, await selected(jobs, flags, 'list'), flags);
    return;
  }
  if (flags.pause) {
    const running = await selected(jobs, flags, 'running');
    if (running.length === 0) throw new Fault('not-found', 'no rotation is in progress');
    const { name } = root.scribe.actor;
    const paused = [];
    for (const job of running) paused.push(await rotation.pauseRotation(root, job, name));
    await show(context, jobs, paused, flags);
    return;
  }
  const pace: Partial<RotationPace> = {
    ...(flags.rate === undefined ? {} : parseRate(flags.rate)),
    ...(flags.parallel === undefined ? {} : parseParallel(flags.parallel)),
  };
  const begun: RotationJob[] = [];
  if (flags.resume) {
    for (const job of await selected(jobs, flags, 'running')) {
      if (job.pausedBy !== null) await rotation.pauseRotation(root, job, null);
      begun.push(await rotation.updatePace(jobs, job, pace));
    }
    if (begun.length === 0) throw new Fault('not-found', 'no rotation is in progress');
  } else {
    if (flags.user === undefined) throw new Fault('invalid', 'give the user: --user NAME');
    const username = parseUsername(flags.user);
    const versions = parseVersions(flags.versions);
    const presentKey = flags.presentKey ?? false;
    begun.push(await rotation.beginRotation(root, { username, versions, pace, presentKey }));
  }
  const { followRotation } = await import('../../operations/follow-rotation.js');
  const done: RotationJob[] = [];
  for (const job of begun) done.push(await follow(context, root, job.id, followRotation));
  await show(context, jobs, done, flags);
  if (done.some(({ counts }) => counts.failed > 0)) context.setExitCode(exitCodes.failure);
}

function parseVersions(text = 'keep'): VersionPolicy {
  const policy = versionPolicies.find((known) => known === text);
  if (policy === undefined) throw new Fault('invalid', `--versions ${text}: must be keep or rewrite`);
  return policy;
}

/**
 * Refuses keys that other clients hold: with a new key here, the gateway could not read what they
 * write next.
 */
function othersKeys(): Fault {
  return new Fault(
    'unsupported',
    'objects below downloads/ and shared/ are written by others with a key that they hold: give them the new key, put it into sse-sync.key (the old one is kept as sse-sync.key.FINGERPRINT), then run `sftpgw object cp` for each object onto itself',
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
  followRotation: typeof import('../../operations/follow-rotation.js').followRotation,
): Promise<RotationJob> {
  using line = new ProgressLine(shell.terminal);
  const seen: { runner: RotationRunner } = { runner: 'this command' };
  try {
    return await followRotation(root, id, (job, runner) => {
      seen.runner = runner;
      const { rekeyed, already, withoutKey, bytes } = job.counts;
      const files = rekeyed + already + withoutKey;
      const what = job.obstacle === null ? 're-encrypting' : 'paused';
      line.update(what, { files, totalFiles: null, bytes, totalBytes: null });
    });
  } catch (error) {
    line.clear();
    if (isFault(error, 'cancelled')) {
      const next =
        seen.runner === 'the gateway'
          ? 'the gateway continues it'
          : 'run `sftpgw key rotate --resume` to continue';
      throw new Fault('cancelled', `the rotation is not complete: ${next}`, { cause: error });
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
  } else if (found.length === 0 && status) shell.err('there are no rotations yet');
  else shell.out(found.map(({ job, problems }) => rotationReport(job, problems)).join('\n\n'));
}
