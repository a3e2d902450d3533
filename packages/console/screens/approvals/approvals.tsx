import { Link } from 'wouter';
import { useMe, useRead } from '../../api/hooks.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { ClearFilters, FilterChoice, useFilters } from '../../parts/filters.js';
import { countOf } from '../../parts/format.js';
import { PageLayout } from '../../parts/page.js';
import { sentence } from '../../parts/problem-notice.js';
import { Status } from '../../parts/status.js';
import { RelativeTime } from '../../parts/values.js';
import { type Approval, approvalStates } from './words.js';

const everyMs = 3_000;

const columns: readonly Column<Approval>[] = [
  {
    id: 'summary',
    header: 'Request',
    sortBy: ({ summary }) => summary,
    cell: ({ id, summary }) => (
      <Link href={`/approvals/${id}`} title={summary}>
        {sentence(summary)}
      </Link>
    ),
  },
  {
    id: 'state',
    header: 'State',
    width: 150,
    wideWidth: 190,
    sortBy: ({ state }) => approvalStates[state][1],
    cell: ({ state }) => {
      const [tone, word] = approvalStates[state];
      return <Status tone={tone}>{word}</Status>;
    },
  },
  {
    id: 'by',
    header: 'Requested by',
    width: 150,
    fromWidth: 720,
    sortBy: ({ requestedBy }) => requestedBy,
    cell: ({ requestedBy }) => requestedBy,
  },
  {
    id: 'needs',
    header: 'Second person',
    width: 140,
    fromWidth: 1000,
    sortBy: ({ needs }) => needs,
    cell: ({ needs, decidedBy }) => decidedBy ?? `with the role ${needs}`,
  },
  {
    id: 'created',
    header: 'Requested',
    width: 112,
    isNumber: true,
    fromWidth: 480,
    sortBy: ({ created }) => created,
    cell: ({ created }) => <RelativeTime time={created} />,
  },
  {
    id: 'expires',
    header: 'Expires',
    width: 100,
    isNumber: true,
    fromWidth: 1000,
    sortBy: ({ expires }) => expires,
    cell: ({ expires, state }) => (state === 'pending' ? <RelativeTime time={expires} /> : null),
  },
];

/** The requests that wait for a second person, and what became of earlier ones. */
export function Approvals() {
  const query = useRead('listApprovals', {}, { everyMs });
  const { data: me } = useMe();
  const filters = useFilters();
  const state = filters.get('state');
  return (
    <PageLayout
      title="Approvals"
      answer={
        query.data === undefined || me === undefined ? undefined : answerOf(query.data.items, me.fourEyes)
      }
    >
      <div className="filters">
        <FilterChoice
          filters={filters}
          name="state"
          label="State"
          options={Object.entries(approvalStates).map(([value, [, word]]) => [value, word])}
        />
        <ClearFilters filters={filters} />
      </div>
      <DataTable
        label="Approvals"
        columns={columns}
        query={query}
        rowKey={({ id }) => id}
        filters={filters}
        isShown={(approval) => state === '' || approval.state === state}
        noun={['request', 'requests']}
        empty={
          me?.fourEyes === true ? (
            <p>Nothing has needed a second person yet.</p>
          ) : (
            <>
              <p>
                The setting <code>console.four.eyes</code> is off. With <code>yes</code>, destroying a key,
                removing a person and some more requests wait here for a second person.
              </p>
              <Link href="/settings?q=console.four.eyes">Show the setting</Link>
            </>
          )
        }
      />
    </PageLayout>
  );
}

function answerOf(approvals: readonly Approval[], isOn: boolean): string {
  const pending = approvals.filter(({ state }) => state === 'pending');
  const own = pending.filter(({ mayDecide }) => mayDecide).length;
  if (pending.length === 0) {
    return isOn ? 'No request waits for a second person.' : 'Requests need no second person.';
  }
  const waiting = `${countOf(pending.length, 'request waits', 'requests wait')} for a second person.`;
  return own === 0 ? waiting : `${waiting} You may decide about ${own} of them.`;
}
