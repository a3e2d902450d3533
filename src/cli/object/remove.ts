import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import type { ObjectRef } from '../../model/object-store.js';
import { removeObject, removeTree, removeVersion } from '../../objects/remove.js';
import { parseObjectUrl, parseS3Url, printable, s3Url } from '../../objects/s3-url.js';
import { treePrefix } from '../../objects/tree-outcome.js';
import { type CommandContext, newCommand } from '../command.js';
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

/** `sftpgw object rm`. */
export function objectRemoveCommand(context: CommandContext): Command {
  const summary = [
    'Remove an object, one of its versions, or all below a prefix.',
    'With bucket versioning the content stays as an older version, unless --version-id removes that.',
  ].join('\n');
  const command = newCommand('rm', summary, [
    'sftpgw object rm s3://my-bucket/bob/uploads/a.csv',
    'sftpgw object rm --recursive s3://my-bucket/bob/uploads/2019/ --yes',
    'sftpgw object rm s3://my-bucket/bob/uploads/a.csv --version-id 3sL4kqtJlcpXroDTDmJ',
  ]);
  return command
    .argument('<url>', 's3://BUCKET/KEY, or with --recursive s3://BUCKET/PREFIX')
    .option('-r, --recursive', 'all that is below')
    .option('--version-id <id>', 'this version, for ever')
    .option('-y, --yes', 'do not ask')
    .option('--gateway-files', 'take names below .sftpgw/, which are the gateway’s own, too')
    .option('-v, --verbose', 'name each object')
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
    if (versionId === undefined) await removeObject(services, call, ref, gatewayFiles);
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
    throw new Fault('invalid', '--version-id is of one object: leave --recursive out');
  const name = printable(s3Url(treePrefix(from)));
  if (flags.yes !== true) {
    const asked = context.shell.withPrompter((prompter) =>
      askYesNo(prompter, `Remove all objects below ${name}?`, false),
    );
    if (asked === null)
      throw new Fault('invalid', `to remove all below ${name} without a terminal, add --yes`);
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
