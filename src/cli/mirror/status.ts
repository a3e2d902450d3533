import type { Command } from 'commander';
import type { LiveMirrorStatus } from '../../model/mirror-runs.js';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes, rootExits } from '../exit-codes.js';
import { renderBytes, renderDuration, renderJson, renderTable } from '../terminal/render.js';
import { describeMirrorProblems, lastPassOf } from './report.js';

/** Creates `sftpgw mirror status`. */
export function mirrorStatusCommand(context: CommandContext): Command {
  const summary = [
    'Show the state and the problems of each mirrored prefix.',
    'Asks the gateway that runs on the root. Without one, shows the last recorded state. LAG is the time since the directory was last known to match S3. The exit code is 12 if objects could not be mirrored or S3 could not be listed.',
  ].join('\n');
  const command = newCommand(
    'status',
    summary,
    ['sftpgw mirror status', 'sftpgw mirror status --json | jq ".mirrors[].status.problems"'],
    [...rootExits, 'findings'],
  );
  return command.option('--json', 'print JSON').action(async (flags: { json?: boolean }) => {
    const { shell, setExitCode } = context;
    await context.withRoot(context.rootOf(command), async (root) => {
      const { mirrorStatus } = await import('../../operations/mirror.js');
      const { isLive, mirrors } = await mirrorStatus(root);
      if (flags.json === true) shell.out(renderJson({ gatewayAnswers: isLive, mirrors }));
      else {
        if (mirrors.length > 0) shell.out(renderTable(header, mirrors.map(rowOf)));
        else shell.err('nothing is mirrored: no user has downloads=yes or shared=yes');
        for (const { status } of mirrors)
          for (const problem of describeMirrorProblems(status)) shell.err(problem);
        const behind = mirrors.filter(({ isBehind }) => isBehind).length;
        if (behind > 0)
          shell.err(
            `${behind} of ${mirrors.length} mirrors were not compared within mirror.idle.interval: raise s3.idle.requests, or read the log`,
          );
        if (!isLive) shell.err('no gateway answers: this is the last recorded state');
      }
      if (mirrors.some(isTroubled)) setExitCode(exitCodes.findings);
    });
  });
}

const header = ['mirror', 'from', 'objects', 'bytes', 'last pass', 'lag', 'problems'];

function rowOf({ status, progress, waitingEvents, lagMs }: LiveMirrorStatus): readonly string[] {
  const { name, bucket, prefix, objects, bytes, problemCount } = status;
  const inProgress = progress === null ? '' : `, another in progress (${progress.fetched} fetched)`;
  const waiting = waitingEvents === 0 ? '' : `, ${waitingEvents} events waiting`;
  return [
    name,
    `s3://${bucket}/${prefix}`,
    String(objects),
    renderBytes(bytes),
    `${lastPassOf(status)}${inProgress}`,
    `${lagMs === null ? 'unknown' : renderDuration(lagMs)}${waiting}`,
    String(problemCount),
  ];
}

function isTroubled({ status: { problemCount, lastPass } }: LiveMirrorStatus): boolean {
  return problemCount > 0 || lastPass?.result === 'failed';
}
