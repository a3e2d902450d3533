import { Command } from '../../parts/copy.js';
import { ClearFilters, FilterText, useFilters } from '../../parts/filters.js';
import { countOf, formatBytes } from '../../parts/format.js';
import { PageLayout } from '../../parts/page.js';
import { type Session, SessionTable, useSessions } from './session-table.js';

/** The current sessions and transfers: the registry that limits and metrics read too. */
export function Live() {
  const { data } = useSessions();
  const filters = useFilters();
  return (
    <PageLayout title="Live" answer={answerOf(data)}>
      <div className="filters">
        <FilterText filters={filters} name="q" label="User, path, address or client" />
        <ClearFilters filters={filters} />
      </div>
      <SessionTable />
      <Command text="sftpgw sessions" />
    </PageLayout>
  );
}

function answerOf(sessions: readonly Session[] | undefined): string | undefined {
  if (sessions === undefined) return undefined;
  const transfers = sessions.flatMap((session) => session.transfers);
  const rate = transfers.reduce((sum, { bytesPerSecond }) => sum + bytesPerSecond, 0);
  if (sessions.length === 0) return 'No user is connected.';
  const people = countOf(sessions.length, 'session');
  return transfers.length === 0
    ? `${people}, no transfer.`
    : `${people}, ${countOf(transfers.length, 'transfer')} at ${formatBytes(rate)}/s in total.`;
}
