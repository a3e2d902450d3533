import { type Command, Option } from 'commander';
import { localIdentity, parseRole, roles } from '../../api/description/roles.js';
import type { ApiToken } from '../../model/api/tokens.js';
import { Fault } from '../../model/fault.js';
import { type CommandContext, newCommand } from '../command.js';
import { groupExits, localExits } from '../exit-codes.js';
import { renderJson, renderTable } from '../terminal/render.js';

interface CreateFlags {
  readonly label: string;
  readonly role: string;
  readonly scope?: readonly string[];
  readonly expires: string;
  readonly json?: boolean;
}

const day = 24 * 3600 * 1000;
const unitMs: Readonly<Record<string, number>> = { h: 3600 * 1000, d: day };
const minMs = 60_000;
const maxMs = 400 * day;

/** Creates `sftpgw admin token` with its commands. */
export function tokenCommand(context: CommandContext): Command {
  const command = newCommand(
    'token',
    'Create, list and revoke tokens of the API.',
    ['sftpgw admin token create --label deploy --role operator --expires 90d', 'sftpgw admin token list'],
    groupExits,
  );
  command.addCommand(createCommand(context));
  command.addCommand(listCommand(context));
  command.addCommand(revokeCommand(context));
  return command;
}

function createCommand(context: CommandContext): Command {
  const summary = [
    'Create a token of the API and print it.',
    'Only a digest is stored, so it cannot be shown again. Clients send it as "Authorization: Bearer TOKEN".',
  ].join('\n');
  const command = newCommand(
    'create',
    summary,
    [
      'sftpgw admin token create --label deploy --role operator --expires 90d',
      'sftpgw admin token create --label report --role viewer --scope users keys \\\n  --expires 30d >report.token',
    ],
    [...localExits, 'limit'],
  );
  return command
    .requiredOption('--label <text>', 'a name for people')
    .addOption(new Option('--role <role>', 'what it may do').choices([...roles]).makeOptionMandatory())
    .option('--scope <group...>', 'only operations of these groups, such as users (default: all of the role)')
    .requiredOption('--expires <time>', 'how long it is valid: 12h, 90d; at most 400d')
    .option('--json', 'print JSON')
    .action(async (flags: CreateFlags) => {
      await context.withRoot(context.rootOf(command), async (root) => {
        const { apiTokens, localPersonName } = await import('../../operations/api-tokens.js');
        const { token, secret } = await apiTokens(root).create({
          label: labelOf(flags.label),
          role: parseRole(flags.role) ?? 'viewer',
          scope: flags.scope ?? null,
          createdBy: localPersonName(),
          identity: localIdentity,
          expiresMs: Date.now() + durationOf(flags.expires),
        });
        context.shell.out(flags.json === true ? renderJson({ ...tokenJson(token), secret }) : secret);
        context.shell.err(`token ${token.id} is valid until ${new Date(token.expiresMs).toISOString()}`);
      });
    });
}

function labelOf(text: string): string {
  const label = text.trim();
  if (label.length >= 1 && label.length <= 100) return label;
  throw new Fault('invalid', '--label must have 1 to 100 characters');
}

function durationOf(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,5})([hd])$/.exec(text.trim()) ?? [];
  const ms = Number(digits) * (unitMs[unit] ?? 0);
  if (ms >= minMs && ms <= maxMs) return ms;
  throw new Fault('invalid', `--expires ${text}: must be a time such as 12h or 90d, at most 400d`);
}

function listCommand(context: CommandContext): Command {
  const command = newCommand(
    'list',
    'List the tokens of the API, the newest first.',
    ['sftpgw admin token list', 'sftpgw admin token list --json'],
    localExits,
  );
  return command.option('--json', 'print JSON').action(async (flags: { readonly json?: boolean }) => {
    await context.withRoot(context.rootOf(command), async (root) => {
      const { apiTokens } = await import('../../operations/api-tokens.js');
      const tokens = await apiTokens(root).list();
      if (flags.json === true) context.shell.out(renderJson(tokens.map(tokenJson)));
      else if (tokens.length === 0) context.shell.err('there are no tokens');
      else {
        const header = ['id', 'label', 'role', 'scope', 'state', 'last used', 'created by'];
        context.shell.out(renderTable(header, tokens.map(tokenCells)));
      }
    });
  });
}

function revokeCommand(context: CommandContext): Command {
  const command = newCommand(
    'revoke',
    'Revoke a token of the API at once.',
    ['sftpgw admin token revoke 5f3a0c1e2b4d6f78'],
    [...localExits, 'notFound'],
  );
  return command.argument('<id>', 'the id of the token, from the list').action(async (id: string) => {
    await context.withRoot(context.rootOf(command), async (root) => {
      const { apiTokens } = await import('../../operations/api-tokens.js');
      const revoked = await apiTokens(root).revoke(id);
      if (revoked === null)
        throw new Fault('not-found', `there is no token ${id}: see \`sftpgw admin token list\``);
      context.shell.out(`token ${id} (${revoked.label}) is revoked`);
    });
  });
}

function tokenJson({ identity: _identity, createdMs, expiresMs, revokedMs, lastUsedMs, ...rest }: ApiToken) {
  return {
    ...rest,
    created: timeText(createdMs),
    expires: timeText(expiresMs),
    revoked: revokedMs === null ? null : timeText(revokedMs),
    lastUsed: lastUsedMs === null ? null : timeText(lastUsedMs),
  };
}

function tokenCells(token: ApiToken): readonly string[] {
  const { id, label, role, scope, createdBy, lastUsedMs } = token;
  const used = lastUsedMs === null ? 'never' : timeText(lastUsedMs);
  return [id, label, role, scope === null ? 'all' : scope.join(' '), stateOf(token), used, createdBy];
}

function stateOf({ expiresMs, revokedMs }: ApiToken): string {
  if (revokedMs !== null) return 'revoked';
  return expiresMs <= Date.now() ? 'expired' : `until ${timeText(expiresMs)}`;
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
