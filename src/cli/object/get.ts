import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { localNameProblem } from '../../files/local-names.js';
import { isAbsence } from '../../files/system-errors.js';
import { Fault } from '../../model/fault.js';
import type { ObjectRef } from '../../model/object-store.js';
import { getObjectToFile, streamObject } from '../../objects/get.js';
import { getTree } from '../../objects/get-tree.js';
import { measureObjects } from '../../objects/object-tree.js';
import { parseObjectUrl, parseS3Url, printable, s3Url } from '../../objects/s3-url.js';
import { treePrefix } from '../../objects/tree-outcome.js';
import type { OpenObjectServices } from '../../operations/object-services.js';
import { type CommandContext, newCommand } from '../command.js';
import { rootExits } from '../exit-codes.js';
import { withObjects } from './open-objects.js';
import { reportOne, TreeReport } from './tree-report.js';

interface GetFlags {
  readonly recursive?: boolean;
  readonly force?: boolean;
  readonly verbose?: boolean;
}

/** Creates `sftpgw object get`. */
export function objectGetCommand(context: CommandContext): Command {
  const summary = [
    'Fetch a decrypted object, or all objects below a prefix.',
    'Compares size and checksum with S3 and the ledger. A file appears only when it is complete.',
  ].join('\n');
  const command = newCommand(
    'get',
    summary,
    [
      'sftpgw object get s3://my-bucket/bob/uploads/report.pdf',
      'sftpgw object get s3://my-bucket/bob/uploads/data.csv.gz - | gunzip',
      'sftpgw object get --recursive s3://my-bucket/bob/uploads/ ./bob',
    ],
    [...rootExits, 'exists', 'conflict', 'key', 'limit'],
  );
  return command
    .argument('<url>', 's3://BUCKET/KEY, or with --recursive s3://BUCKET/PREFIX')
    .argument('[file]', 'a file or directory; "-" is stdout (default: the working directory)')
    .option('-r, --recursive', 'fetch all objects below the prefix')
    .option('-f, --force', 'replace files with other content')
    .option('-v, --verbose', 'print each object')
    .action(async (url: string, file: string | undefined, flags: GetFlags) => {
      if (flags.recursive === true) {
        if (file === undefined || file === '-')
          throw new Fault('invalid', '--recursive needs a target directory');
        const from = parseS3Url(url);
        const directory = resolve(context.shell.workingDirectory, file);
        await withObjects(context, command, (objects) => getAll(context, objects, from, directory, flags));
        return;
      }
      const ref = parseObjectUrl(url);
      await withObjects(context, command, (objects) => getOne(context, objects, ref, file, flags));
    });
}

async function getOne(
  context: CommandContext,
  { services, call }: OpenObjectServices,
  ref: ObjectRef,
  file: string | undefined,
  flags: GetFlags,
): Promise<void> {
  const { shell } = context;
  if (file === '-') {
    // No progress here: on a terminal it would mix with the content.
    await streamObject(services, call, ref, async (bytes) => {
      if (!(await shell.write(bytes))) throw new Fault('cancelled', 'stdout was closed');
    });
    return;
  }
  const path = await targetPath(shell.workingDirectory, ref, file);
  using progress = reportOne(context, 'fetching');
  const known = { size: null, row: null };
  const target = { path, mayReplace: flags.force ?? false };
  const outcome = await getObjectToFile(services, call, ref, known, target, progress);
  progress[Symbol.dispose]();
  const what = outcome === 'fetched' ? 'fetched' : 'unchanged:';
  shell.err(`${what} ${printable(s3Url(ref))} -> ${printable(path)}`);
}

/** Returns the given file, or the object's name in the given directory. */
async function targetPath(
  workingDirectory: string,
  ref: ObjectRef,
  file: string | undefined,
): Promise<string> {
  const target = resolve(workingDirectory, file ?? '.');
  if (file !== undefined && !file.endsWith('/') && !(await isDirectory(target))) return target;
  const name = ref.key.slice(ref.key.lastIndexOf('/') + 1);
  const problem = name === '' ? 'it is a directory' : localNameProblem(name, 255);
  if (problem === null) return join(target, name);
  throw new Fault('invalid', `${s3Url(ref)} cannot name a file (${problem}): give a file name`);
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (isAbsence(error)) return false;
    throw error;
  }
}

async function getAll(
  context: CommandContext,
  { services, call }: OpenObjectServices,
  from: ObjectRef,
  directory: string,
  flags: GetFlags,
): Promise<void> {
  using report = new TreeReport(context, 'fetched', flags.verbose ?? false);
  report.measure(() => measureObjects(services, call, treePrefix(from)));
  await getTree(services, call, from, { directory, mayReplace: flags.force ?? false }, report);
  report.finish();
}
