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
import { addEncryptionFlags, type EncryptionFlags, encryptionRequest } from '../user/encryption-flags.js';
import { withObjects } from './open-objects.js';
import { TreeReport } from './tree-report.js';

interface CopyFlags extends EncryptionFlags {
  readonly recursive?: boolean;
  readonly verbose?: boolean;
}

const howEncrypted = [
  'In a user’s place the copy is encrypted as the user’s files say, anywhere else as its source; never less than the source.',
  'S3 copies without sending the content here. Run again, it goes on where it was: what is there with the same content stays.',
].join('\n');

/** `sftpgw object cp`. */
export function objectCopyCommand(context: CommandContext): Command {
  const summary = `Copy an object, or all below a prefix, to another key, bucket or user.\n${howEncrypted}`;
  const command = newCommand('cp', summary, [
    'sftpgw object cp s3://my-bucket/bob/uploads/a.csv s3://my-bucket/ann/downloads/',
    'sftpgw object cp --recursive s3://my-bucket/bob/uploads/ s3://archive/bob/ --keep-encryption',
    'sftpgw object cp s3://my-bucket/plain.txt s3://my-bucket/plain.txt --sse 3 --key 3f9a01c2',
  ]);
  return completed(context, command, false);
}

/** `sftpgw object mv`. */
export function objectMoveCommand(context: CommandContext): Command {
  const summary = `Move an object, or all below a prefix: copy, verify, then remove the source.\n${howEncrypted}`;
  const command = newCommand('mv', summary, [
    'sftpgw object mv s3://my-bucket/bob/uploads/a.csv s3://my-bucket/bob/uploads/old/',
    'sftpgw object mv --recursive s3://my-bucket/bob/uploads/2025/ s3://archive/bob/2025/',
  ]);
  return completed(context, command, true);
}

function completed(context: CommandContext, command: Command, move: boolean): Command {
  command
    .argument('<from>', 's3://BUCKET/KEY, or with --recursive s3://BUCKET/PREFIX')
    .argument('<to>', 'likewise; a key that ends with / gets the source’s name')
    .option('-r, --recursive', 'all that is below')
    .option('-v, --verbose', 'name each object')
    .option('--keep-encryption', 'encrypt the copy as its source is, under the same key, wherever it goes');
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
  // What is moved is not there any more when it is counted late.
  if (!plan.move) report.measure(() => measureObjects(services, call, treePrefix(from)));
  await copyTree(services, call, from, to, plan, report);
  report.finish();
}
