import type { Command } from 'commander';
import type { ObjectRef } from '../../model/object-store.js';
import { type CopyPlan, copyOrMoveObject } from '../../objects/copy.js';
import { copyTree } from '../../objects/copy-tree.js';
import { EncryptionChoice } from '../../objects/encryption-choice.js';
import { measureObjects } from '../../objects/object-tree.js';
import { parseObjectUrl, parseS3Url, printable, s3Url } from '../../objects/s3-url.js';
import { treePrefix } from '../../objects/tree-outcome.js';
import type { OpenObjectServices } from '../../operations/object-services.js';
import { type CommandContext, newCommand } from '../command.js';
import { type ExitName, rootExits } from '../exit-codes.js';
import { addEncryptionFlags, type EncryptionFlags, encryptionRequest } from '../user/encryption-flags.js';
import { withObjects } from './open-objects.js';
import { TreeReport } from './tree-report.js';

interface CopyFlags extends EncryptionFlags {
  readonly recursive?: boolean;
  readonly verbose?: boolean;
}

const details =
  'In a user’s directories the copy is encrypted as the user’s settings require, elsewhere like its source, and never less than the source. S3 copies the content; it does not pass through this machine. Run the command again to continue it: objects with the same content are skipped.';

const copyExits: readonly ExitName[] = [...rootExits, 'conflict', 'key', 'limit'];

/** Creates `sftpgw object cp`. */
export function objectCopyCommand(context: CommandContext): Command {
  const summary = `Copy an object, or all objects below a prefix.\n${details}`;
  const command = newCommand(
    'cp',
    summary,
    [
      'sftpgw object cp s3://files/bob/uploads/a.csv s3://files/ann/downloads/',
      'sftpgw object cp -r s3://files/bob/ s3://archive/bob/ --keep-encryption',
      'sftpgw object cp s3://files/a.txt s3://files/a.txt --sse 3 --key 3f9a01c2',
    ],
    copyExits,
  );
  return completed(context, command, false);
}

/** Creates `sftpgw object mv`. */
export function objectMoveCommand(context: CommandContext): Command {
  const summary = `Move an object, or all objects below a prefix.\nCopies, verifies the copy, then removes the source. ${details}`;
  const command = newCommand(
    'mv',
    summary,
    [
      'sftpgw object mv s3://files/bob/uploads/a.csv s3://files/bob/uploads/old/',
      'sftpgw object mv -r s3://files/bob/uploads/2025/ s3://archive/bob/2025/',
    ],
    copyExits,
  );
  return completed(context, command, true);
}

function completed(context: CommandContext, command: Command, move: boolean): Command {
  command
    .argument('<from>', 's3://BUCKET/KEY, or with --recursive s3://BUCKET/PREFIX')
    .argument('<to>', 'the target, in the same form; a key that ends with / gets the source’s name')
    .option('-r, --recursive', 'copy all objects below the prefix')
    .option('-v, --verbose', 'print each object')
    .option('--keep-encryption', 'encrypt the copy like its source, with the same key');
  return addEncryptionFlags(command).action(async (fromUrl: string, toUrl: string, flags: CopyFlags) => {
    const isTree = flags.recursive ?? false;
    const from = isTree ? parseS3Url(fromUrl) : parseObjectUrl(fromUrl);
    const to = isTree ? parseS3Url(toUrl) : targetOf(from, toUrl);
    await withObjects(context, command, async (objects) => {
      const request = await encryptionRequest(flags, objects.services.keys);
      const choice = new EncryptionChoice(objects.services.owners, request);
      const plan = { choice, move, gatewayFiles: request.gatewayFiles };
      if (isTree) await copyAll(context, objects, from, to, plan, flags.verbose ?? false);
      else await copyOne(context, objects, from, to, plan);
    });
  });
}

function targetOf(from: ObjectRef, url: string): ObjectRef {
  const ref = parseS3Url(url);
  if (ref.key !== '' && !ref.key.endsWith('/')) return ref;
  const name = from.key.slice(from.key.lastIndexOf('/', from.key.length - 2) + 1);
  return parseObjectUrl(s3Url({ bucket: ref.bucket, key: ref.key + name }));
}

async function copyOne(
  context: CommandContext,
  { services, call }: OpenObjectServices,
  from: ObjectRef,
  to: ObjectRef,
  plan: CopyPlan,
): Promise<void> {
  const { outcome } = await copyOrMoveObject(services, call, from, to, plan);
  const what = plan.move ? 'moved' : outcome === 'copied' ? 'copied' : 'unchanged:';
  context.shell.out(`${what} ${printable(s3Url(from))} -> ${printable(s3Url(to))}`);
}

async function copyAll(
  context: CommandContext,
  { services, call }: OpenObjectServices,
  from: ObjectRef,
  to: ObjectRef,
  plan: CopyPlan,
  isVerbose: boolean,
): Promise<void> {
  using report = new TreeReport(context, plan.move ? 'moved' : 'copied', isVerbose);
  // A late count would miss objects that have already moved.
  if (!plan.move) report.measure(() => measureObjects(services, call, treePrefix(from)));
  await copyTree(services, call, from, to, plan, report);
  report.finish();
}
