import { resolve } from 'node:path';
import type { Command } from 'commander';
import { Fault } from '../../model/fault.js';
import type { ObjectRef } from '../../model/object-store.js';
import { EncryptionChoice } from '../../objects/encryption-choice.js';
import { putFile, putStream } from '../../objects/put.js';
import { measureFiles, putTree } from '../../objects/put-tree.js';
import { parseObjectUrl, parseS3Url, printable, s3Url } from '../../objects/s3-url.js';
import type { OpenObjectServices } from '../../operations/object-services.js';
import { type CommandContext, newCommand } from '../command.js';
import { rootExits } from '../exit-codes.js';
import { addEncryptionFlags, type EncryptionFlags, encryptionRequest } from '../user/encryption-flags.js';
import { withObjects } from './open-objects.js';
import { reportOne, TreeReport } from './tree-report.js';

interface PutFlags extends EncryptionFlags {
  readonly recursive?: boolean;
  readonly verbose?: boolean;
}

/** Creates `sftpgw object put`. */
export function objectPutCommand(context: CommandContext): Command {
  const summary = [
    'Store a file, stdin, or all files below a directory.',
    'In a user’s directories (uploads, downloads, shared/) the object is encrypted as the user’s settings require. Elsewhere --sse is required.',
  ].join('\n');
  const command = newCommand(
    'put',
    summary,
    [
      'sftpgw object put report.pdf s3://my-bucket/bob/downloads/',
      'pg_dump shop |\n  sftpgw object put - s3://my-bucket/shop.sql --sse 3 --key 3f9a01c2',
      'sftpgw object put --recursive ./site s3://my-bucket/shared/site',
    ],
    [...rootExits, 'conflict', 'key', 'limit'],
  );
  command
    .argument('<file>', 'a file, a directory with --recursive, or "-" for stdin')
    .argument('<url>', 's3://BUCKET/KEY; a key that ends with / gets the file’s name')
    .option('-r, --recursive', 'store all files below the directory')
    .option('-v, --verbose', 'print each file');
  return addEncryptionFlags(command).action(async (file: string, url: string, flags: PutFlags) => {
    const path = file === '-' ? null : resolve(context.shell.workingDirectory, file);
    if (flags.recursive === true && path === null)
      throw new Fault('invalid', 'stdin is not a directory: leave out --recursive');
    const to = flags.recursive === true ? parseS3Url(url) : targetOf(file, url);
    await withObjects(context, command, async (objects) => {
      const choice = new EncryptionChoice(
        objects.services.owners,
        await encryptionRequest(flags, objects.services.keys),
      );
      if (flags.recursive === true && path !== null) {
        await putAll(context, objects, path, to, choice, flags.verbose ?? false);
      } else await putOne(context, objects, path, to, choice);
    });
  });
}

function targetOf(file: string, url: string): ObjectRef {
  const ref = parseS3Url(url);
  if (ref.key !== '' && !ref.key.endsWith('/')) return ref;
  if (file === '-') throw new Fault('invalid', `${s3Url(ref)} is a directory: give an object key`);
  const name = file.replace(/\/+$/, '').split('/').at(-1) ?? '';
  return parseObjectUrl(s3Url({ bucket: ref.bucket, key: ref.key + name }));
}

async function putOne(
  context: CommandContext,
  { services, call }: OpenObjectServices,
  path: string | null,
  ref: ObjectRef,
  choice: EncryptionChoice,
): Promise<void> {
  using progress = reportOne(context, 'storing');
  let what = 'stored';
  if (path === null) await putStream(services, call, context.shell.input(), ref, choice, progress);
  else if ((await putFile(services, call, path, ref, choice, progress)) === 'unchanged') what = 'unchanged:';
  progress[Symbol.dispose]();
  context.shell.out(`${what} ${printable(s3Url(ref))}`);
}

async function putAll(
  context: CommandContext,
  { services, call }: OpenObjectServices,
  directory: string,
  to: ObjectRef,
  choice: EncryptionChoice,
  isVerbose: boolean,
): Promise<void> {
  using report = new TreeReport(context, 'stored', isVerbose);
  report.measure(() => measureFiles(directory));
  await putTree(services, call, directory, to, choice, report);
  report.finish();
}
