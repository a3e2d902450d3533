import { useMemo } from 'react';
import { Link } from 'wouter';
import type { ItemOf } from '../../api/endpoints.js';
import { useChange, useRead } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { BanDialog } from '../../parts/ban-dialog.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { ConfirmButton } from '../../parts/dialog.js';
import { DialogButton } from '../../parts/dialog-button.js';
import { useFilters } from '../../parts/filters.js';
import { commandOf, countOf, formatBytes } from '../../parts/format.js';
import { KeyGlyph } from '../../parts/key-glyph.js';
import { Status } from '../../parts/status.js';
import { Bytes, Mono, RelativeTime } from '../../parts/values.js';

export type Session = ItemOf<'listSessions'>;
type Transfer = Session['transfers'][number];

const everyMs = 2_000;

/** One row: a transfer, or a session without one. */
interface Row {
  readonly session: Session;
  readonly transfer: Transfer | null;
}

const waits: Readonly<Record<Transfer['waitsFor'], string>> = {
  client: 'the client',
  gateway: 'the gateway',
  storage: 'S3',
};

const columns: readonly Column<Row>[] = [
  {
    id: 'user',
    header: 'User',
    width: 110,
    sortBy: ({ session }) => session.username,
    cell: ({ session }) => <Link href={`/users/${session.username}`}>{session.username}</Link>,
  },
  {
    id: 'path',
    header: 'Transfer',
    sortBy: ({ transfer }) => transfer?.path ?? null,
    cell: ({ transfer }) =>
      transfer === null ? (
        <span className="dim">none</span>
      ) : (
        <>
          <span title={transfer.direction}>{transfer.direction === 'upload' ? '↑' : '↓'}</span>
          <span className="hidden-visually">{transfer.direction} of</span> <Mono>{transfer.path}</Mono>
        </>
      ),
  },
  {
    id: 'key',
    header: 'Key',
    width: 180,
    fromWidth: 720,
    cell: ({ transfer }) =>
      transfer === null ? null : <KeyGlyph value={transfer.keyId === null ? null : { id: transfer.keyId }} />,
  },
  {
    id: 'bytes',
    header: 'Bytes',
    width: 84,
    isNumber: true,
    fromWidth: 480,
    sortBy: ({ transfer }) => transfer?.bytes ?? null,
    cell: ({ transfer }) => (transfer === null ? null : <Bytes value={transfer.bytes} />),
  },
  {
    id: 'rate',
    header: 'Rate',
    width: 96,
    isNumber: true,
    fromWidth: 480,
    sortBy: ({ transfer }) => transfer?.bytesPerSecond ?? null,
    cell: ({ transfer }) => (transfer === null ? null : `${formatBytes(transfer.bytesPerSecond)}/s`),
  },
  {
    id: 'waits',
    header: 'Waits for',
    width: 92,
    fromWidth: 1280,
    cell: ({ transfer }) => (transfer === null ? null : waits[transfer.waitsFor]),
  },
  {
    id: 'address',
    header: 'Address',
    width: 116,
    fromWidth: 720,
    sortBy: ({ session }) => session.address,
    cell: ({ session }) => <Mono>{session.address}</Mono>,
  },
  {
    id: 'client',
    header: 'Client',
    width: 160,
    fromWidth: 1000,
    cell: ({ session: { connection } }) =>
      connection === null ? (
        <span className="dim">through sshd</span>
      ) : (
        <span title={`${connection.software}, ${connection.keyExchange}, ${connection.cipher}`}>
          {connection.isPostQuantum ? <Status tone="good">post-quantum</Status> : null} {connection.software}
        </span>
      ),
  },
  {
    id: 'since',
    header: 'Since',
    width: 100,
    fromWidth: 720,
    isNumber: true,
    sortBy: ({ session }) => session.startedMs,
    cell: ({ session }) => <RelativeTime time={session.startedMs} />,
  },
  {
    id: 'end',
    header: 'Action',
    width: 124,
    cell: ({ session }) => (
      <>
        <Disconnect session={session} /> <Ban address={session.address} />
      </>
    ),
  },
];

/** Shown if several nodes share the database. */
const nodeColumn: Column<Row> = {
  id: 'node',
  header: 'Node',
  width: 110,
  fromWidth: 1000,
  sortBy: ({ session }) => session.node,
  cell: ({ session }) => session.node,
};

/** Sessions with their transfers, read again every two seconds; of one user if `username` is given. */
export function SessionTable({ username }: { readonly username?: string }) {
  const query = useSessions(username);
  const filters = useFilters();
  const rows = useMemo(() => rowsOf(query.data ?? []), [query.data]);
  const text = filters.get('q').toLowerCase();
  const areOfNodes = rows.some(({ session }) => session.node !== null);
  const shown = useMemo(() => (areOfNodes ? columns.toSpliced(-1, 0, nodeColumn) : columns), [areOfNodes]);
  return (
    <DataTable
      label="Sessions and transfers"
      columns={shown}
      query={{ ...query, data: query.data === undefined ? undefined : { items: rows } }}
      rowKey={({ session, transfer }) =>
        `${session.id} ${transfer?.direction} ${transfer?.path} ${transfer?.startedMs}`
      }
      filters={filters}
      isShown={({ session, transfer }) =>
        [session.username, session.address, session.node, transfer?.path, session.connection?.software].some(
          (part) => part?.toLowerCase().includes(text),
        )
      }
      noun={['transfer or idle session', 'transfers and idle sessions']}
      empty={
        <p>
          {username === undefined
            ? 'No user is connected. A session appears here as soon as a user logs in over SFTP.'
            : `${username} is not connected. A session appears here as soon as they log in over SFTP.`}
        </p>
      }
    />
  );
}

/** Reads the sessions, all or those of one user. */
export function useSessions(username?: string) {
  const { data, ...query } = useRead('listSessions', {}, { everyMs });
  const items = useMemo(
    () => data?.items.filter((session) => username === undefined || session.username === username),
    [data, username],
  );
  return { data: items, error: query.error, refetch: query.refetch };
}

function rowsOf(sessions: readonly Session[]): readonly Row[] {
  return sessions.flatMap((session): readonly Row[] =>
    session.transfers.length === 0
      ? [{ session, transfer: null }]
      : session.transfers.map((transfer) => ({ session, transfer })),
  );
}

function Disconnect({ session: { id, username, address, transfers } }: { readonly session: Session }) {
  const disconnect = useChange('disconnectSession');
  if (!useMay('operator')) return null;
  return (
    <ConfirmButton
      label="End"
      isCompact
      consequence={{
        title: `End the session of ${username}?`,
        does: `The connection from ${address} closes, and ${countOf(transfers.length, 'transfer')} with it.`,
        undo: 'The user can log in again at once, and resume an upload. A ban of the address prevents that.',
        command: commandOf('sessions', 'disconnect', id),
        verb: 'End the session',
      }}
      act={() => disconnect.mutateAsync({ parameters: { id } })}
    />
  );
}

function Ban({ address }: { readonly address: string }) {
  if (!useMay('operator')) return null;
  return (
    <DialogButton label="Ban" isCompact>
      {(close) => <BanDialog from={address} onClose={close} />}
    </DialogButton>
  );
}
