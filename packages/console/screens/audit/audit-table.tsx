import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { call } from '../../api/client.js';
import { maxRows } from '../../api/hooks.js';
import { Copyable } from '../../parts/copy.js';
import { csvOf, saveText } from '../../parts/csv.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { Dialog } from '../../parts/dialog.js';
import { useFilters } from '../../parts/filters.js';
import { formatExact } from '../../parts/format.js';
import { KeyGlyph } from '../../parts/key-glyph.js';
import { Facts } from '../../parts/page.js';
import { Status } from '../../parts/status.js';
import { Mono, RelativeTime } from '../../parts/values.js';
import { type AuditEvent, verbOf } from './words.js';

const pageSize = 200;

/** The filters of the trail, by their names in the URL and in the API. */
export const auditFilters = [
  'user',
  'action',
  'address',
  'path',
  'keyId',
  'session',
  'request',
  'result',
] as const;

export type AuditFilters = Readonly<Partial<Record<string, string>>>;

/** Reads the trail page by page, the newest event first. */
export function useAudit(fixed: AuditFilters) {
  const { values } = useFilters();
  const chosen = Object.fromEntries(auditFilters.map((name) => [name, values[name] || undefined]));
  const times = {
    since: timeOf(values['since']),
    until: timeOf(values['until']),
  };
  const query = { ...chosen, ...times, ...fixed };
  return useInfiniteQuery({
    queryKey: ['listAudit', query],
    queryFn: ({ pageParam, signal }) =>
      call('listAudit', { query: { ...query, limit: pageSize, cursor: pageParam }, signal }),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.next,
    maxPages: maxRows / pageSize,
  });
}

/** Returns a time of the browser's field as the API takes it; undefined if it is empty or incomplete. */
function timeOf(text: string | undefined): string | undefined {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString();
}

function columnsWith(show: (event: AuditEvent) => void): readonly Column<AuditEvent>[] {
  return [
    {
      id: 'time',
      header: 'Time',
      width: 96,
      wideWidth: 104,
      cell: (event) => (
        <button type="button" className="link" onClick={() => show(event)}>
          <RelativeTime time={event.time} />
          <span className="hidden-visually"> event {event.seq}</span>
        </button>
      ),
    },
    {
      id: 'actor',
      header: 'Who',
      width: 80,
      wideWidth: 150,
      cell: ({ actor }) =>
        actor.kind === 'user' ? <Link href={`/users/${actor.name}`}>{actor.name}</Link> : actor.name,
    },
    { id: 'action', header: 'Did', width: 102, wideWidth: 130, cell: ({ action }) => verbOf(action) },
    {
      id: 'target',
      header: 'What',
      fromWidth: 720,
      cell: ({ target }) => (target === null ? null : <Mono>{target}</Mono>),
    },
    {
      id: 'key',
      header: 'Key',
      width: 230,
      fromWidth: 1000,
      cell: ({ keyId }) => <KeyGlyph value={keyId === null ? null : { id: keyId }} none="" />,
    },
    {
      id: 'address',
      header: 'From',
      width: 130,
      fromWidth: 1000,
      cell: ({ address }) => (address === null ? null : <Mono>{address}</Mono>),
    },
    {
      id: 'result',
      header: 'Result',
      width: 86,
      wideWidth: 130,
      cell: ({ result }) => <Status tone={result === 'ok' ? 'good' : 'bad'}>{result}</Status>,
    },
  ];
}

/** Events of the trail. `fixed` are filters that the reader cannot change, such as the user of a page. */
export function AuditTable({ fixed = {} }: { readonly fixed?: AuditFilters }) {
  const query = useAudit(fixed);
  const [shown, setShown] = useState<AuditEvent | null>(null);
  const items = query.data?.pages.flatMap((page) => page.items);
  return (
    <>
      <DataTable
        label="Events of the audit trail"
        columns={columnsWith(setShown)}
        query={{ ...query, data: items === undefined ? undefined : { items } }}
        rowKey={({ seq }) => String(seq)}
        noun={['event', 'events']}
        empty={<p>Nothing was recorded yet. Logins, transfers and changes appear here within a second.</p>}
      />
      {items === undefined || items.length === 0 ? null : (
        <div className="actions">
          {query.hasNextPage ? (
            <Button
              variant="default"
              loading={query.isFetchingNextPage}
              onClick={() => void query.fetchNextPage()}
            >
              Load older events
            </Button>
          ) : null}
          <Button variant="default" onClick={() => saveEvents(items)}>
            Save these as CSV
          </Button>
        </div>
      )}
      {shown === null ? null : <EventDialog event={shown} onClose={() => setShown(null)} />}
    </>
  );
}

function EventDialog({ event, onClose }: { readonly event: AuditEvent; readonly onClose: () => void }) {
  const { seq, time, actor, action, target, bucket, objectKey, address, session, request, keyId, hash } =
    event;
  const optional = (name: string, text: string | null) =>
    text === null ? null : ([name, <Copyable key={name} text={text} what={name.toLowerCase()} />] as const);
  return (
    <Dialog title={`Event ${seq}: ${action}`} isWide onClose={onClose}>
      <Facts
        entries={[
          ['Time', formatExact(new Date(time))],
          ['Who', `${actor.name} (${actor.kind})`],
          optional('What', target),
          optional('Object', objectKey === null ? null : `s3://${bucket}/${objectKey}`),
          ['Result', event.result],
          keyId === null ? null : ['Key', <KeyGlyph key="key" value={{ id: keyId }} />],
          optional('Address', address),
          optional('Session', session),
          optional('Request', request),
          optional('Hash', hash),
        ]}
      />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: long details scroll, also by keyboard */}
      <pre className="details" tabIndex={0}>
        {JSON.stringify(event.details, null, 2)}
      </pre>
      <div className="actions">
        <Button onClick={onClose}>Close</Button>
      </div>
    </Dialog>
  );
}

function saveEvents(events: readonly AuditEvent[]): void {
  const header = [
    'seq',
    'time',
    'kind',
    'name',
    'action',
    'target',
    'result',
    'keyId',
    'address',
    'session',
    'request',
  ];
  const rows = events.map((event) => [
    event.seq,
    event.time,
    event.actor.kind,
    event.actor.name,
    event.action,
    event.target,
    event.result,
    event.keyId,
    event.address,
    event.session,
    event.request,
  ]);
  saveText('audit.csv', csvOf(header, rows), 'text/csv');
}
