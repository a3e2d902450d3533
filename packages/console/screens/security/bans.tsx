import type { AnswerOf, ItemOf } from '../../api/endpoints.js';
import { useChange } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { BanDialog } from '../../parts/ban-dialog.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { ConfirmButton } from '../../parts/dialog.js';
import { DialogButton } from '../../parts/dialog-button.js';
import { useFilters } from '../../parts/filters.js';
import { commandOf } from '../../parts/format.js';
import type { Loaded } from '../../parts/loading.js';
import { Section } from '../../parts/page.js';
import { Mono, RelativeTime } from '../../parts/values.js';

type Ban = ItemOf<'listBans'>;

const causes: Readonly<Record<Ban['cause'], string>> = { logins: 'failed logins', command: 'by hand' };
const scopes: Readonly<Record<Ban['scope'], string>> = {
  everyone: 'every login',
  'new-users': 'names that have not logged in from there',
};

const columns: readonly Column<Ban>[] = [
  {
    id: 'source',
    header: 'Address',
    sortBy: ({ source }) => source,
    cell: ({ source }) => <Mono>{source}</Mono>,
  },
  { id: 'cause', header: 'Reason', width: 130, fromWidth: 480, cell: ({ cause }) => causes[cause] },
  { id: 'scope', header: 'Applies to', fromWidth: 720, cell: ({ scope }) => scopes[scope] },
  {
    id: 'since',
    header: 'Since',
    width: 100,
    isNumber: true,
    fromWidth: 480,
    sortBy: ({ since }) => since,
    cell: ({ since }) => <RelativeTime time={since} />,
  },
  {
    id: 'until',
    header: 'Ends',
    width: 100,
    isNumber: true,
    sortBy: ({ until }) => until,
    cell: ({ until }) => <RelativeTime time={until} />,
  },
  { id: 'clear', header: 'Action', width: 90, cell: ({ source }) => <Clear source={source} /> },
];

/** The bans in force, with their reasons. */
export function Bans({ query }: { readonly query: Loaded<AnswerOf<'listBans'>> }) {
  const filters = useFilters();
  const mayChange = useMay('operator');
  return (
    <Section
      title="Bans"
      aside={
        mayChange ? (
          <DialogButton label="Ban an address">{(close) => <BanDialog onClose={close} />}</DialogButton>
        ) : null
      }
    >
      <DataTable
        label="Bans"
        columns={columns}
        query={query}
        rowKey={({ source, scope }) => `${source} ${scope}`}
        filters={filters}
        noun={['ban', 'bans']}
        empty={<p>No address is banned. Repeated failed logins ban their address for a while.</p>}
      />
    </Section>
  );
}

function Clear({ source }: { readonly source: string }) {
  const clear = useChange('clearBans');
  if (!useMay('operator')) return null;
  return (
    <ConfirmButton
      label="End"
      isCompact
      isDangerous={false}
      consequence={{
        title: `End the ban of ${source}?`,
        does: 'The address may log in again at once, and its failed logins are forgotten.',
        undo: 'Ban the address again.',
        command: commandOf('ban', 'clear', source),
        verb: 'End the ban',
      }}
      act={() => clear.mutateAsync({ query: { address: source } })}
    />
  );
}
