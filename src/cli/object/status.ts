import type { Command } from 'commander';
import { checksumHex, checksumName } from '../../model/checksum.js';
import { parseObjectUrl, printable, s3Url } from '../../objects/s3-url.js';
import { type ObjectStatus, statObject } from '../../objects/status.js';
import { statusJson } from '../../operations/object-views.js';
import { type CommandContext, newCommand } from '../command.js';
import { rootExits } from '../exit-codes.js';
import { renderFields, renderJson } from '../terminal/render.js';
import { withObjects } from './open-objects.js';
import { describeObjectKey, encryptionName, isoTime, listHeader, listLine } from './report.js';

/** Creates `sftpgw object stat`. */
export function objectStatusCommand(context: CommandContext): Command {
  const summary = [
    'Show everything about one object.',
    'Prints its versions, metadata, checksum and encryption, the key that opens it, and the writer if this gateway wrote it.',
  ].join('\n');
  const command = newCommand(
    'stat',
    summary,
    [
      'sftpgw object stat s3://my-bucket/bob/uploads/report.pdf',
      'sftpgw object stat s3://my-bucket/bob/uploads/report.pdf --json',
    ],
    [...rootExits, 'key'],
  );
  return command
    .argument('<url>', 's3://BUCKET/KEY')
    .option('--json', 'print JSON')
    .action(async (url: string, flags: { json?: boolean }) => {
      const ref = parseObjectUrl(url);
      const status = await withObjects(context, command, ({ services, call }) =>
        statObject(services, call, ref),
      );
      context.shell.out(flags.json === true ? renderJson(statusJson(status)) : renderStatus(status));
    });
}

function renderStatus(status: ObjectStatus): string {
  const { ref, encryption, info, checksum, writer, versions } = status;
  const key = describeObjectKey(encryption);
  const fields: (readonly [string, string])[] = [
    ['object', printable(s3Url(ref)) + (status.isRemoved ? ' (removed)' : '')],
    ['size', `${status.size} bytes`],
    ['written', isoTime(status.lastModifiedMs)],
    ...known("file's time", status.mtimeSeconds, (seconds) => isoTime(seconds * 1000)),
    ['encryption', encryptionName(encryption)],
    ...(key === '' ? [] : [['key', key] as const]),
    ['etag', status.etag],
    ...known('version', info?.versionId ?? null, String),
    ...(checksum === null
      ? []
      : [[checksumName[checksum.algorithm].toLowerCase(), checksumHex(checksum)] as const]),
    ...known('crc-64/nvme', info?.crc64Nvme ?? null, String),
    ...known('content type', info?.contentType ?? null, printable),
    ...Object.entries(info?.metadata ?? {}).map(
      ([name, value]) => [`metadata ${printable(name)}`, printable(value)] as const,
    ),
    ['written by', writer === null ? 'unknown: not written through this gateway' : describeWriter(writer)],
    ...status.unsettledWrites.map((write) => ['unsettled write', describeWriter(write)] as const),
  ];
  const text = renderFields(fields);
  const hasOlder = versions.length > 1 || versions.some(({ kind }) => kind === 'delete-marker');
  return hasOlder ? [text, '', listHeader(), ...versions.map(listLine)].join('\n') : text;
}

function describeWriter({ actor, requestId, beganMs }: NonNullable<ObjectStatus['writer']>): string {
  return `${printable(actor)}, started ${isoTime(beganMs)}, request ${requestId}`;
}

function known<T>(
  name: string,
  value: T | null,
  render: (value: T) => string,
): (readonly [string, string])[] {
  return value === null ? [] : [[name, render(value)]];
}
