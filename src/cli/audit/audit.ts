import type { Command } from 'commander';
import { auditJson } from '../../audit/outputs/audit-line.js';
import type { AuditRow } from '../../model/audit.js';
import { findKey } from '../../operations/key-administration.js';
import { type CommandContext, newCommand } from '../command.js';
import { keyringExits } from '../exit-codes.js';
import { withKeyring } from '../key/open-keyring.js';
import { type AuditFlags, parseAuditFlags } from './query-flags.js';
import { auditVerifyCommand } from './verify.js';

/** Creates `sftpgw audit` with its command. */
export function auditCommand(context: CommandContext): Command {
  const summary = [
    'Search the audit trail, the newest event first.',
    'Every login, every file and every change by an administrator is an event: docs/AUDIT.md lists them. --path takes the begin of a path, or a pattern with * (no /), ** and ?. --since and --until take a duration before now, or a time.',
  ].join('\n');
  const command = newCommand(
    'audit',
    summary,
    [
      'sftpgw audit --user bob --since 1d',
      'sftpgw audit --path /uploads/invoices/ --action file.remove',
      'sftpgw audit --key "bob 2026" --json --limit all',
      'sftpgw audit verify --bucket',
    ],
    [...keyringExits, 'notFound', 'conflict', 'unsupported'],
  );
  return command
    .addCommand(auditVerifyCommand(context))
    .option('--user <name>', 'events of this user, administrator or part of the gateway')
    .option('--since <time>', 'not before this time, such as 1d or 2026-11-30')
    .option('--until <time>', 'before this time')
    .option('--path <begin>', 'paths, users, keys and settings that begin with this')
    .option('--key <key>', 'objects with this key: id, begin of the id, or label')
    .option('--action <action>', 'one action, such as file.write')
    .option('--result <result>', '"ok", "failed", or one kind of fault')
    .option('--address <address>', 'the address of the client')
    .option('--session <id>', 'one session')
    .option('--limit <n>', 'max. events; "all" for no limit', '100')
    .option('--json', 'print JSON')
    .action((flags: AuditFlags) => search(context, command, flags));
}

async function search(context: CommandContext, command: Command, flags: AuditFlags): Promise<void> {
  const { shell } = context;
  const root = context.rootOf(command);
  const keyId = flags.key === undefined ? null : await keyOf(context, command, flags.key);
  const { query, pattern, limit } = parseAuditFlags(flags, keyId, Date.now());
  const { withAuditTrail } = await import('../../operations/audit.js');
  await withAuditTrail(root, async (trail) => {
    let printed = 0;
    for await (const row of trail.query(query)) {
      if (pattern !== null && !pattern.test(row.target ?? '')) continue;
      shell.out(flags.json === true ? JSON.stringify(auditJson(row)) : auditText(row));
      printed += 1;
      if (printed >= limit) break;
    }
    if (printed === 0 && flags.json !== true) shell.err('no event matches');
  });
}

async function keyOf(context: CommandContext, command: Command, text: string): Promise<string> {
  // A key that was destroyed or lost still has its events.
  if (/^[0-9a-f]{32,64}$/.test(text)) return text;
  return await withKeyring(context, command, async ({ keyring }) => (await findKey(keyring, text)).id);
}

/** Returns an event as one line for people. Texts of clients cannot add lines or control a terminal. */
function auditText(row: AuditRow): string {
  const parts = [
    new Date(row.timeMs).toISOString(),
    row.actor.kind === 'user' ? row.actor.name : `${row.actor.kind}:${row.actor.name}`,
    row.address ?? '-',
    row.action,
    row.target ?? '-',
    row.result,
    ...(row.keyId === null ? [] : [`key=${row.keyId.slice(0, 8)}`]),
    ...(row.details === '{}' ? [] : [row.details]),
  ];
  return JSON.stringify(parts.join('  ')).slice(1, -1).replaceAll('\\"', '"');
}
