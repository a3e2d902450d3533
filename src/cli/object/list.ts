import type { Command } from 'commander';
import { type ListEntry, listEntries } from '../../objects/listing.js';
import { parseS3Url, s3Url } from '../../objects/s3-url.js';
import { entryJson } from '../../operations/object-views.js';
import { type CommandContext, newCommand } from '../command.js';
import { exitCodes, rootExits } from '../exit-codes.js';
import { withObjects } from './open-objects.js';
import { listHeader, listLine } from './report.js';

interface ListFlags {
  readonly recursive?: boolean;
  readonly versions?: boolean;
  readonly json?: boolean;
}

/** Creates `sftpgw object ls`. */
export function objectListCommand(context: CommandContext): Command {
  const summary = [
    'List objects with size, time, encryption and key.',
    'Prints the first digits of the key’s fingerprint and its label. Reads them from the ledger, and asks S3 for objects that the ledger does not know.',
  ].join('\n');
  const command = newCommand(
    'ls',
    summary,
    [
      'sftpgw object ls s3://my-bucket/',
      'sftpgw object ls s3://my-bucket/bob/uploads/ --recursive --json',
      'sftpgw object ls s3://my-bucket/bob/uploads/report.pdf --versions',
    ],
    [...rootExits, 'key'],
  );
  return command
    .argument('<url>', 's3://BUCKET/PREFIX: list names that begin with the prefix')
    .option('-r, --recursive', 'list all levels')
    .option('--versions', 'also list older versions and delete markers')
    .option('--json', 'print JSON')
    .action(async (url: string, flags: ListFlags) => {
      const { bucket, key: prefix } = parseS3Url(url);
      const request = {
        bucket,
        prefix,
        recursive: flags.recursive ?? false,
        versions: flags.versions ?? false,
      };
      await withObjects(context, command, ({ services, call }) =>
        print(context, bucket, listEntries(services, call, request), flags.json ?? false),
      );
    });
}

/** Prints line by line, as fast as the reader takes it: a listing may be larger than memory. */
async function print(
  { shell, setExitCode }: CommandContext,
  bucket: string,
  entries: AsyncIterable<ListEntry>,
  asJson: boolean,
): Promise<void> {
  let isFirst = true;
  for await (const entry of entries) {
    const before = isFirst ? (asJson ? '[\n  ' : `${listHeader()}\n`) : asJson ? ',\n  ' : '';
    const text = asJson ? JSON.stringify(entryJson(entry)) : `${listLine(entry)}\n`;
    if (!(await shell.write(before + text))) return;
    isFirst = false;
    if (entry.kind === 'object' && entry.encryption.kind === 'not-known') {
      shell.err(`${s3Url({ bucket, key: entry.key })}: ${entry.encryption.why}`);
      setExitCode(exitCodes.failure);
    }
  }
  if (asJson) await shell.write(isFirst ? '[]\n' : '\n]\n');
  else if (isFirst) shell.err('no objects found');
}
