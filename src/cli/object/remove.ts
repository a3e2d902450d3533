import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import type { ObjectRef } from '../../model/object-store.js';
import { removeCurrentObject, removeTree, removeVersion } from '../../objects/remove.js';
import { parseObjectUrl, parseS3Url, printable, s3Url } from '../../objects/s3-url.js';
import { treePrefix } from '../../objects/tree-outcome.js';
import { type CommandContext, newCommand } from '../command.js';
import { rootExits } from '../exit-codes.js';
import { askYesNo } from '../terminal/prompter.js';
import { withObjects } from './open-objects.js';
import { TreeReport } from './tree-report.js';

interface RemoveFlags {
  readonly recursive?: boolean;
  readonly versionId?: string;
  readonly yes?: boolean;
  readonly gatewayFiles?: boolean;
  readonly verbose?: boolean;
}

/** Creates `sftpgw object rm`. */
export function objectRemoveCommand(context: CommandContext): Command {
  const summary = [
    'Remove an object, one of its versions, or all objects below a prefix.',
    'In a bucket with versioning the content stays as an older version. --version-id removes a version permanently.',
  ].join('\n');
  const command = newCommand(
    'rm',
    summary,
    [
      'sftpgw object rm s3://my-bucket/bob/uploads/a.csv',
      'sftpgw object rm --recursive s3://my-bucket/bob/uploads/2019/ --yes',
      'sftpgw object rm s3://my-bucket/a.csv --version-id 3sL4kqtJlcpXroDTDmJ',
    ],
    [...rootExits, 'conflict'],
  );
  return command
    .argument('<url>', 's3://BUCKET/KEY, or with --recursive s3://BUCKET/PREFIX')
    .option('-r, --recursive', 'remove all objects below the prefix')
    .option('--version-id <id>', 'remove this version permanently')
    .option('-y, --yes', 'do not ask for confirmation')
    .option('--gateway-files', 'allow names below .sftpgw/, which belong to the gateway')
    .option('-v, --verbose', 'print each object')
    .action(async (url: string, flags: RemoveFlags) => {
      if (flags.recursive === true) await removeAll(context, command, parseS3Url(url), flags);
      else await removeOne(context, command, parseObjectUrl(url), flags);
    });
}

async function removeOne(
  context: CommandContext,
  command: Command,
  ref: ObjectRef,
  { versionId, gatewayFiles = false }: RemoveFlags,
): Promise<void> {
  await withObjects(context, command, async ({ services, call }) => {
    if (versionId === undefined) await removeCurrentObject(services, call, ref, gatewayFiles);
    else await removeVersion(services, call, ref, versionId, gatewayFiles);
  });
  context.shell.out(
    `removed ${printable(s3Url(ref))}${versionId === undefined ? '' : ` version ${versionId}`}`,
  );
}

async function removeAll(
  context: CommandContext,
  command: Command,
  from: ObjectRef,
  flags: RemoveFlags,
): Promise<void> {
  if (flags.versionId !== undefined)
    throw new Fault('invalid', '--version-id names one object: leave out --recursive');
  const name = printable(s3Url(treePrefix(from)));
  if (flags.yes !== true) {
    const asked = context.shell.withPrompter((prompter) =>
      askYesNo(prompter, `Remove all objects below ${name}?`, false),
    );
    if (asked === null)
      throw new Fault(
        'invalid',
        `cannot ask for confirmation without a terminal: add --yes to remove all objects below ${name}`,
      );
    if (!(await asked)) {
      context.shell.out('nothing was removed');
      return;
    }
  }
  await withObjects(context, command, async ({ services, call }) => {
    using report = new TreeReport(context, 'removed', flags.verbose ?? false);
    await removeTree(services, call, from, flags.gatewayFiles ?? false, report);
    report.finish();
  });
}
