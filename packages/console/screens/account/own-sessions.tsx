import type { ItemOf } from '../../api/endpoints.js';
import { useChange, useRead } from '../../api/hooks.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { ConfirmButton } from '../../parts/dialog.js';
import { Section } from '../../parts/page.js';
import { Status } from '../../parts/status.js';
import { toast } from '../../parts/toast.js';
import { Mono, RelativeTime } from '../../parts/values.js';
import { browserOf, methods } from './words.js';

type OwnSession = ItemOf<'listMySessions'>;

const everyMs = 30_000;

const columns: readonly Column<OwnSession>[] = [
  {
    id: 'browser',
    header: 'Browser',
    cell: ({ userAgent, isCurrent }) => (
      <span title={userAgent ?? ''}>
        {browserOf(userAgent)} {isCurrent ? <Status tone="good">this one</Status> : null}
      </span>
    ),
  },
  {
    id: 'address',
    header: 'From',
    width: 140,
    fromWidth: 720,
    cell: ({ address }) => (address === null ? null : <Mono>{address}</Mono>),
  },
  {
    id: 'method',
    header: 'Logged in with',
    width: 170,
    fromWidth: 720,
    cell: ({ method }) => methods[method],
  },
  {
    id: 'created',
    header: 'Since',
    width: 110,
    isNumber: true,
    fromWidth: 480,
    sortBy: ({ created }) => created,
    cell: ({ created }) => <RelativeTime time={created} />,
  },
  {
    id: 'lastUsed',
    header: 'Last used',
    width: 110,
    isNumber: true,
    sortBy: ({ lastUsed }) => lastUsed,
    cell: ({ lastUsed }) => <RelativeTime time={lastUsed} />,
  },
  { id: 'end', header: 'Action', width: 76, cell: (session) => <End session={session} /> },
];

/** The sessions of this person at the console. */
export function OwnSessions() {
  const query = useRead('listMySessions', {}, { everyMs });
  return (
    <Section title="Your sessions at this console">
      <DataTable
        label="Your sessions"
        columns={columns}
        query={query}
        rowKey={({ id }) => id}
        noun={['session', 'sessions']}
        empty={<p>You have no session.</p>}
      />
    </Section>
  );
}

function End({ session: { id, isCurrent, userAgent } }: { readonly session: OwnSession }) {
  const end = useChange('endMySession');
  if (isCurrent) return null;
  const browser = browserOf(userAgent);
  return (
    <ConfirmButton
      label="End"
      isCompact
      consequence={{
        title: `End the session of ${browser}?`,
        does: 'Its next request is refused.',
        undo: 'Log in there again.',
        command: null,
        verb: 'End the session',
      }}
      act={async () => {
        await end.mutateAsync({ parameters: { id } });
        toast('The session has ended');
      }}
    />
  );
}
