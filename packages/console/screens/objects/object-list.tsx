import { NativeSelect } from '@mantine/core';
import { useMemo } from 'react';
import { Link, useLocation } from 'wouter';
import { useAll, useRead } from '../../api/hooks.js';
import { Command } from '../../parts/copy.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import {
  ClearFilters,
  FilterChoice,
  FilterSwitch,
  type Filters,
  FilterText,
  useFilters,
} from '../../parts/filters.js';
import { commandOf, countOf, formatBytes } from '../../parts/format.js';
import { JobProgress } from '../../parts/job-progress.js';
import { KeyGlyph } from '../../parts/key-glyph.js';
import { PageLayout } from '../../parts/page.js';
import { Bytes, PathEnd, RelativeTime } from '../../parts/values.js';
import { EncryptionOf, encryptionText } from './encryption.js';
import { type Entry, lastPart, objectPage, prefixesOf, prefixPage, s3Url } from './location.js';
import { PrefixActions } from './prefix-actions.js';
import { usePreflight } from './preflight.js';

/** Filters that the gateway applies. They choose objects at all levels below the prefix. */
function deepQuery(filters: Filters): Readonly<Record<string, string | boolean>> {
  const which = filters.get('which');
  return {
    ...(filters.get('key') === '' ? {} : { keyId: filters.get('key') }),
    ...(filters.get('encryption') === '' ? {} : { encryptedWith: filters.get('encryption') }),
    ...(which === 'unknown' ? { unknownKey: true } : {}),
    ...(which === 'foreign' ? { foreignKey: true } : {}),
  };
}

/** The objects and prefixes at one location of a bucket. */
export function ObjectList() {
  const plan = useRead('getStoragePlan');
  const buckets = plan.data?.buckets.map(({ bucket }) => bucket) ?? [];
  const filters = useFilters();
  const bucket = filters.get('bucket') || buckets[0] || '';
  const prefix = filters.get('prefix');
  const deep = deepQuery(filters);
  const isDeep = filters.get('levels') === 'yes' || Object.keys(deep).length > 0;
  const versions = filters.get('versions') === 'yes';
  const query = useAll(
    'listObjects',
    {
      query: {
        bucket,
        prefix,
        ...deep,
        ...(isDeep ? { recursive: true } : {}),
        ...(versions ? { versions } : {}),
      },
    },
    { isEnabled: bucket !== '' },
  );
  const columns = useMemo(() => columnsOf(bucket, isDeep ? prefix : null), [bucket, isDeep, prefix]);
  const text = filters.get('q').toLowerCase();
  const job = filters.get('job');
  return (
    <PageLayout
      title="Objects"
      answer={
        bucket === '' ? undefined : (
          <Location
            bucket={bucket}
            prefix={prefix}
            isChosen={Object.keys(deep).length > 0}
            entries={query.data?.items}
          />
        )
      }
      actions={bucket === '' ? undefined : <PrefixActions bucket={bucket} prefix={prefix} />}
    >
      {job === '' ? null : <JobProgress id={job} of={Number(filters.get('of')) || null} />}
      <Crumbs bucket={bucket} buckets={buckets} prefix={prefix} />
      <ListFilters filters={filters} />
      <DataTable
        label="Objects"
        columns={columns}
        query={
          bucket === ''
            ? plan.data === undefined
              ? { ...plan, data: undefined }
              : { ...plan, data: { items: [] } }
            : query
        }
        rowKey={(entry) => `${entry.kind} ${entry.key} ${'versionId' in entry ? entry.versionId : ''}`}
        filters={{ ...filters, isFiltered: hasFilter(filters) }}
        isShown={({ key }) => key.slice(prefix.length).toLowerCase().includes(text)}
        noun={['entry', 'entries']}
        empty={<Nothing bucket={bucket} prefix={prefix} />}
      />
      <Command text={commandOf('object', 'ls', ...(isDeep ? ['--recursive'] : []), s3Url(bucket, prefix))} />
    </PageLayout>
  );
}

function hasFilter({ values }: Filters): boolean {
  return ['key', 'encryption', 'which', 'q'].some((name) => (values[name] ?? '') !== '');
}

/** The owner of these files, and the key that a new object there gets. */
function Location({
  bucket,
  prefix,
  isChosen,
  entries,
}: {
  readonly bucket: string;
  readonly prefix: string;
  /** True if a filter of the gateway chooses the entries. */
  readonly isChosen: boolean;
  readonly entries: readonly Entry[] | undefined;
}) {
  // The name of the object does not matter: its location decides.
  const { data } = usePreflight({ to: { bucket, key: `${prefix}object` } });
  const objects = entries?.flatMap((entry) => (entry.kind === 'object' ? [entry.size] : [])) ?? [];
  const size = objects.reduce((sum, one) => sum + one, 0);
  return (
    <>
      {entries === undefined
        ? null
        : `${countOf(objects.length, 'object')} ${isChosen ? 'found' : 'here'}, ${formatBytes(size)}. `}
      {data === undefined || prefix === '' ? null : data.owner === null ? (
        'No user has this location.'
      ) : (
        <>
          These are {data.owner}.{' '}
          {data.keyId !== null ? (
            <>
              A new object gets the key <KeyGlyph value={{ id: data.keyId, label: data.keyLabel }} />
            </>
          ) : data.encryption === null ? null : (
            `A new object is encrypted with ${data.encryption}.`
          )}
        </>
      )}
    </>
  );
}

function Crumbs({
  bucket,
  buckets,
  prefix,
}: {
  readonly bucket: string;
  readonly buckets: readonly string[];
  readonly prefix: string;
}) {
  const [, go] = useLocation();
  const names = buckets.includes(bucket) || bucket === '' ? buckets : [bucket, ...buckets];
  return (
    <nav className="crumbs" aria-label="Location">
      {names.length < 2 ? null : (
        <NativeSelect
          aria-label="Bucket"
          value={bucket}
          data={[...names]}
          onChange={(event) => go(prefixPage(event.currentTarget.value, ''))}
        />
      )}
      {bucket === '' ? null : <Link href={prefixPage(bucket, '')}>{bucket}</Link>}
      {prefixesOf(prefix).map((part) => (
        <span key={part}>
          <span className="dim">/</span>
          {part === prefix ? (
            <b aria-current="page">{lastPart(part).replace(/\/$/, '')}</b>
          ) : (
            <Link href={prefixPage(bucket, part)}>{lastPart(part).replace(/\/$/, '')}</Link>
          )}
        </span>
      ))}
    </nav>
  );
}

function ListFilters({ filters }: { readonly filters: Filters }) {
  const keys = useAll('listKeys', {}, { freshMs: 60_000 });
  return (
    <div className="filters">
      <FilterText filters={filters} name="q" label="Name" />
      <FilterChoice
        filters={filters}
        name="key"
        label="Key"
        options={(keys.data?.items ?? []).map(({ id, label }) => [
          id,
          `${label || 'without label'} (${id.slice(0, 8)})`,
        ])}
      />
      <FilterChoice
        filters={filters}
        name="which"
        label="Problem"
        options={[
          ['unknown', 'unknown key'],
          ['foreign', 'not the user’s key'],
        ]}
      />
      <FilterChoice
        filters={filters}
        name="encryption"
        label="Encryption"
        options={[
          ['sse-c', 'SSE-C'],
          ['sse-kms', 'SSE-KMS'],
          ['sse-s3', 'SSE-S3'],
          ['none', 'not encrypted'],
        ]}
      />
      <FilterSwitch filters={filters} name="levels" label="All levels" />
      <FilterSwitch filters={filters} name="versions" label="All versions" />
      {hasFilter(filters) ? <ClearFilters filters={filters} /> : null}
    </div>
  );
}

function Nothing({ bucket, prefix }: { readonly bucket: string; readonly prefix: string }) {
  if (bucket === '') {
    return (
      <>
        <p>No bucket is set. Set the default bucket, or give a user one.</p>
        <Command text="sftpgw setup --bucket BUCKET" />
      </>
    );
  }
  return (
    <>
      <p>Nothing is at {s3Url(bucket, prefix)}. Upload a file here, or let a user upload one over SFTP.</p>
      {prefix === '' ? null : <Link href={prefixPage(bucket, '')}>Show the whole bucket</Link>}
    </>
  );
}

/** With a `base`, names are shown from there: the list has all levels. */
function columnsOf(bucket: string, base: string | null): readonly Column<Entry>[] {
  const nameOf = (key: string) => (base === null ? lastPart(key) : key.slice(base.length));
  return [
    {
      id: 'name',
      header: 'Name',
      sortBy: ({ key }) => key,
      cell: (entry) => (
        <Link
          href={
            entry.kind === 'directory'
              ? prefixPage(bucket, entry.key)
              : objectPage({ bucket, key: entry.key })
          }
          title={entry.key}
          className={entry.kind === 'delete-marker' ? 'removed' : ''}
        >
          {base === null ? nameOf(entry.key) : <PathEnd>{nameOf(entry.key)}</PathEnd>}
        </Link>
      ),
    },
    {
      id: 'key',
      header: 'Key',
      width: 210,
      wideWidth: 280,
      sortBy: (entry) => (entry.kind === 'object' ? encryptionText(entry.encryption) : null),
      cell: (entry) =>
        entry.kind === 'object' ? (
          <EncryptionOf value={entry.encryption} />
        ) : entry.kind === 'delete-marker' ? (
          <span className="dim">removed here</span>
        ) : null,
    },
    {
      id: 'writer',
      header: 'Written by',
      width: 150,
      fromWidth: 1280,
      sortBy: (entry) => (entry.kind === 'object' ? entry.writtenBy : null),
      cell: (entry) =>
        entry.kind !== 'object' ? null : (entry.writtenBy ?? <span className="dim">another client</span>),
    },
    {
      id: 'size',
      header: 'Size',
      width: 96,
      isNumber: true,
      fromWidth: 480,
      sortBy: (entry) => (entry.kind === 'object' ? entry.size : null),
      cell: (entry) => (entry.kind === 'object' ? <Bytes value={entry.size} /> : null),
    },
    {
      id: 'time',
      header: 'Written',
      width: 110,
      isNumber: true,
      fromWidth: 720,
      sortBy: (entry) => (entry.kind === 'directory' ? null : entry.lastModified),
      cell: (entry) => (entry.kind === 'directory' ? null : <RelativeTime time={entry.lastModified} />),
    },
  ];
}
