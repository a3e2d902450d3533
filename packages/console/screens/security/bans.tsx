import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useState } from 'react';
import type { AnswerOf, ItemOf } from '../../api/endpoints.js';
import { useChange } from '../../api/hooks.js';
import { problemOf } from '../../api/problem.js';
import { useMay } from '../../api/roles.js';
import { Command } from '../../parts/copy.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { ConfirmButton, Dialog } from '../../parts/dialog.js';
import { useFilters } from '../../parts/filters.js';
import { commandOf } from '../../parts/format.js';
import type { Loaded } from '../../parts/loading.js';
import { Section } from '../../parts/page.js';
import { ProblemNotice } from '../../parts/problem-notice.js';
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
  const [isAdding, setAdding] = useState(false);
  const filters = useFilters();
  const mayChange = useMay('operator');
  return (
    <Section
      title="Bans"
      aside={
        mayChange ? (
          <Button variant="default" onClick={() => setAdding(true)}>
            Ban an address
          </Button>
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
      {isAdding ? <AddBan onClose={() => setAdding(false)} /> : null}
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

const durations = [
  ['3600', '1 hour', '1h'],
  ['86400', '1 day', '1d'],
  ['604800', '7 days', '7d'],
  ['2592000', '30 days', '30d'],
] as const;

function AddBan({ onClose }: { readonly onClose: () => void }) {
  const [address, setAddress] = useState('');
  const [seconds, setSeconds] = useState('3600');
  const add = useChange('addBan');
  const wrong = add.error === null ? null : problemOf(add.error);
  const written = durations.find(([value]) => value === seconds)?.[2] ?? '1h';
  const submit = async () => {
    await add.mutateAsync({ body: { address: address.trim(), seconds: Number(seconds) } });
    onClose();
  };
  return (
    <Dialog title="Ban an address" onClose={onClose}>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          submit().catch(() => undefined);
        }}
      >
        <TextInput
          label="Address"
          description="An IPv6 address stands for its network of 64 bits"
          required
          value={address}
          error={wrong?.field('/address')}
          onChange={(event) => setAddress(event.currentTarget.value)}
        />
        <NativeSelect
          label="For"
          value={seconds}
          onChange={(event) => setSeconds(event.currentTarget.value)}
          data={durations.map(([value, label]) => ({ value, label }))}
        />
        <p className="dim">Current sessions from there stay. You can end the ban at any time.</p>
        <ProblemNotice error={add.error} />
        <Command text={commandOf('ban', 'add', address === '' ? 'ADDRESS' : address, '--for', written)} />
        <div className="actions">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={add.isPending}>
            Ban
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
