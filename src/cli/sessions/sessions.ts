import type { Command } from 'commander';
import type { SessionStatus } from '../../model/live.js';
import { type CommandContext, newCommand } from '../command.js';
import { type ExitName, localExits } from '../exit-codes.js';
import { renderBytes, renderDuration, renderJson, renderTable } from '../terminal/render.js';
import { sessionsDisconnectCommand } from './disconnect.js';

/** Codes of the commands about sessions. */
export const sessionExits: readonly ExitName[] = [...localExits, 'cancelled'];

/** Creates `sftpgw sessions` with its command. */
export function sessionsCommand(context: CommandContext): Command {
  const summary = [
    'List the current sessions and transfers of the running gateway.',
    'KEX ends with * if the key exchange resists quantum computers. A transfer waits for the client, the gateway or the storage. Sessions of sshd (sftpgw stdio) have no algorithms. The list includes all nodes and workers.',
  ].join('\n');
  const command = newCommand(
    'sessions',
    summary,
    ['sftpgw sessions', 'sftpgw sessions --json', 'sftpgw sessions disconnect 3f9a01c2d4e5f607'],
    sessionExits,
  );
  return command
    .addCommand(sessionsDisconnectCommand(context))
    .option('--json', 'print JSON')
    .action(async (flags: { json?: boolean }) => {
      const { shell } = context;
      await context.interruptible(async (signal) => {
        const { openSessions } = await import('../../operations/sessions.js');
        const sessions = await (await openSessions(context.rootOf(command), signal)).list();
        if (flags.json === true) shell.out(renderJson(sessions));
        else if (sessions.length === 0) shell.err('there are no sessions');
        else shell.out(renderSessions(sessions));
      });
    });
}

function renderSessions(sessions: readonly SessionStatus[]): string {
  const columns = ['id', 'user', 'address', 'login', 'client', 'kex', 'cipher', 'age', 'idle', 'in', 'out'];
  const areOfNodes = sessions.some(({ node }) => node !== null);
  const header = areOfNodes ? [...columns, 'node'] : columns;
  const rows = sessions.map((session) =>
    areOfNodes ? [...sessionRow(session), session.node ?? ''] : sessionRow(session),
  );
  const tables = [renderTable(header, rows)];
  const transfers = sessions.flatMap((session) =>
    session.transfers.map((transfer) => [
      session.id,
      transfer.direction,
      JSON.stringify(transfer.path).slice(1, -1),
      renderBytes(transfer.bytes),
      `${renderBytes(transfer.bytesPerSecond)}/s`,
      transfer.keyId?.slice(0, 8) ?? '',
      transfer.waitsFor,
    ]),
  );
  if (transfers.length > 0) {
    const ofTransfers = ['session', 'direction', 'path', 'bytes', 'rate', 'key', 'waits for'];
    tables.push(renderTable(ofTransfers, transfers));
  }
  return tables.join('\n\n');
}

function sessionRow(session: SessionStatus): readonly string[] {
  const { id, protocol, username, address, methods, connection, startedMs, idleMs } = session;
  const withoutSsh = protocol === 'web' ? 'files page' : '';
  return [
    id,
    username,
    address,
    methods,
    // The client chooses the text.
    connection === null ? withoutSsh : JSON.stringify(connection.software).slice(1, -1),
    connection === null ? '' : `${connection.keyExchange}${connection.isPostQuantum ? '*' : ''}`,
    connection?.cipher ?? '',
    renderDuration(Date.now() - startedMs),
    renderDuration(idleMs),
    renderBytes(session.bytesReceived),
    renderBytes(session.bytesSent),
  ];
}
