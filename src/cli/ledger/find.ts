import type { Command } from 'commander';
import type { KeyFingerprint } from '../../model/customer-key.js';
import { parseKeyFingerprint } from '../../model/customer-key.js';
import { Fault } from '../../model/fault.js';
import type { Keyring } from '../../model/keyring.js';
import type { KeyNeed, LiveRow } from '../../model/ledger.js';
import type { NamedKey } from '../../objects/encryption-keys.js';
import { parseObjectUrl, printable, s3Url } from '../../objects/s3-url.js';
import { findKey, keyArgument } from '../../operations/key-administration.js';
import type { OpenLedger } from '../../operations/ledger-audit.js';
import { type CommandContext, newCommand } from '../command.js';
import { rootExits } from '../exit-codes.js';
import { renderBytes, renderJson, renderTable } from '../terminal/render.js';
import { withLedger } from './open-ledger.js';

interface FindFlags {
  readonly key?: string;
  readonly json?: boolean;
}

/** Rows that are read from the database at once. */
const pageRows = 1000;

/** Creates `sftpgw ledger find`. */
export function ledgerFindCommand(context: CommandContext): Command {
  const summary = [
    'Find the key of an object, or the objects that need a key.',
    'Reads the ledger only. `sftpgw ledger verify` compares it with S3.',
  ].join('\n');
  const command = newCommand(
    'find',
    summary,
    [
      'sftpgw ledger find s3://my-bucket/bob/uploads/report.pdf',
      'sftpgw ledger find --key 3f9a41c07e52',
      'sftpgw ledger find --key 3f9a41c07e52 --json',
    ],
    [...rootExits, 'key'],
  );
  return command
    .argument('[url]', 's3://BUCKET/KEY: list the versions of this object with their keys')
    .option('--key <id>', `list what needs ${keyArgument}`)
    .option('--json', 'print JSON')
    .action(async (url: string | undefined, flags: FindFlags) => {
      if ((url === undefined) === (flags.key === undefined)) {
        throw new Fault('invalid', 'give an object (s3://BUCKET/KEY) or a key (--key ID)');
      }
      const isJson = flags.json ?? false;
      await withLedger(context, command, async (ledger, { keyring }) => {
        if (url !== undefined) await findObject(context, ledger, url, isJson);
        if (flags.key === undefined) return;
        await findNeeds(context, ledger, await keyNamed(keyring, flags.key), isJson);
      });
    });
}

async function findObject(
  { shell }: CommandContext,
  { audit, names }: OpenLedger,
  url: string,
  isJson: boolean,
): Promise<void> {
  const ref = parseObjectUrl(url);
  const rows = await audit.versions.liveRowsOf(ref);
  if (rows.length === 0) throw new Fault('not-found', `the ledger has no entry for ${printable(s3Url(ref))}`);
  const found = [];
  for (const row of rows) {
    const { sealedWith } = row;
    found.push({
      row,
      key: sealedWith.kind === 'sse-c' ? await names.describe(sealedWith.fingerprint) : null,
    });
  }
  if (isJson) shell.out(renderJson(found.map(versionJson)));
  else {
    const header = ['version', 'is', 'encryption', 'key', 'label', 'size', 'by', 'when'];
    shell.out(renderTable(header, found.map(versionCells)));
  }
}

interface FoundRow {
  readonly row: LiveRow;
  /** Null for an object without a customer key, and for an unknown key. */
  readonly key: NamedKey | null;
}

function versionJson({ row, key }: FoundRow) {
  const { ref, sealedWith, confirmation, actor } = row;
  const checksum = confirmation?.checksum ?? null;
  return {
    bucket: ref.bucket,
    key: ref.key,
    versionId: confirmation?.versionId ?? null,
    is: stateOf(row),
    encryption: sealedWith.kind,
    keyId: sealedWith.kind === 'sse-c' ? sealedWith.fingerprint : null,
    keyLabel: key?.label ?? null,
    keyState: sealedWith.kind === 'sse-c' ? (key?.state ?? 'not available') : null,
    kmsKeyArn: sealedWith.kind === 'sse-kms' ? sealedWith.keyArn : null,
    size: confirmation?.size ?? null,
    crc32: checksum?.algorithm === 'crc32' ? checksum.value : null,
    crc32c: checksum?.algorithm === 'crc32c' ? checksum.value : null,
    etag: confirmation?.etag ?? null,
    actor,
    writtenMs: row.settledMs ?? row.intendedMs,
  };
}

function versionCells(found: FoundRow): readonly string[] {
  const { versionId, is, encryption, keyId, keyLabel, keyState, size, actor, writtenMs } = versionJson(found);
  const label =
    keyState === null || keyState === 'active' ? (keyLabel ?? '') : `${keyLabel ?? ''} (${keyState})`;
  return [
    versionId ?? '-',
    is,
    encryption,
    keyId ?? '-',
    printable(label.trim()),
    size === null ? '-' : renderBytes(size),
    actor,
    new Date(writtenMs).toISOString(),
  ];
}

function stateOf(row: LiveRow): 'current' | 'older version' | 'in progress' {
  if (row.state === 'intended') return 'in progress';
  return row.isCurrent ? 'current' : 'older version';
}

/**
 * Prints page by page, as fast as the reader takes it: a key may have more objects than fit into
 * memory.
 */
async function findNeeds(
  { shell }: CommandContext,
  ledger: OpenLedger,
  keyId: KeyFingerprint,
  isJson: boolean,
): Promise<void> {
  let after: KeyNeed | null = null;
  let isFirst = true;
  for (;;) {
    const needs: readonly KeyNeed[] = await ledger.audit.usage.needs(keyId, after, pageRows);
    for (const need of needs) {
      const before = isFirst ? (isJson ? '[\n  ' : '') : isJson ? ',\n  ' : '';
      const line = isJson ? JSON.stringify(needJson(need)) : `${needLine(need)}\n`;
      if (!(await shell.write(before + line))) return;
      isFirst = false;
    }
    after = needs.at(-1) ?? null;
    if (needs.length < pageRows) break;
  }
  if (isJson) await shell.write(isFirst ? '[]\n' : '\n]\n');
  else if (isFirst) shell.err(`nothing in the ledger needs the key ${keyId}`);
}

function needJson({ ref, versionId, state, size }: KeyNeed) {
  return { bucket: ref.bucket, key: ref.key, versionId, state, size };
}

function needLine({ ref, versionId, state, size }: KeyNeed): string {
  const version = versionId === null ? '' : `  version ${versionId}`;
  const bytes = size === null ? '' : `  ${renderBytes(size)}`;
  return `${state.padEnd(13)}  ${printable(s3Url(ref))}${version}${bytes}`;
}

/**
 * Returns the fingerprint of a key. A full fingerprint may be that of a key which is not in the
 * keyring.
 */
async function keyNamed(keyring: Pick<Keyring, 'list'>, text: string): Promise<KeyFingerprint> {
  const wanted = text.trim().toLowerCase();
  if (/^[0-9a-f]{32}$/.test(wanted)) return parseKeyFingerprint(wanted);
  return (await findKey(keyring, text)).id;
}
