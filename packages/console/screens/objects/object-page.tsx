import { Button } from '@mantine/core';
import { useMemo, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { contentUrl, maxBlobBytes, type ObjectPlace, saveWithToken } from '../../api/bytes.js';
import { bearerHeaders } from '../../api/client.js';
import { useChange, useRead } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { Command } from '../../parts/copy.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { ConfirmButton } from '../../parts/dialog.js';
import { DialogButton } from '../../parts/dialog-button.js';
import { commandOf, formatBytes } from '../../parts/format.js';
import { Answer } from '../../parts/loading.js';
import { Facts, PageLayout, Section } from '../../parts/page.js';
import { ProblemNotice } from '../../parts/problem-notice.js';
import { Bytes, Mono, RelativeTime } from '../../parts/values.js';
import { EncryptionOf } from './encryption.js';
import { lastPart, type ObjectStatus, parentOf, prefixPage, s3Url } from './location.js';
import { ReencryptObject, TransferObject } from './transfer.js';

type Version = ObjectStatus['versions'][number];

/** One object: its key, its writer, its versions, and what a person can do with it. */
export function ObjectPage({ place }: { readonly place: ObjectPlace }) {
  const { bucket, key } = place;
  const query = useRead('getObject', { query: { bucket, key } });
  const status = query.data;
  return (
    <PageLayout
      title={lastPart(key)}
      heading={<code className="heading-path">{s3Url(bucket, key)}</code>}
      answer={status === undefined ? undefined : <Summary status={status} />}
      actions={
        status === undefined || status.isRemoved ? undefined : <Actions place={place} status={status} />
      }
    >
      <div>
        <Link href={prefixPage(bucket, parentOf(key))}>Back to {s3Url(bucket, parentOf(key))}</Link>
      </div>
      <Answer query={query}>{(found) => <Evidence place={place} status={found} />}</Answer>
      <Command text={commandOf('object', 'stat', s3Url(bucket, key))} />
    </PageLayout>
  );
}

function Summary({ status: { isRemoved, encryption, writer, size } }: { readonly status: ObjectStatus }) {
  if (isRemoved) return 'Removed. Its older versions are below.';
  return (
    <>
      {formatBytes(size)}, encrypted with <EncryptionOf value={encryption} />
      {writer === null ? '' : `, written by ${writer.actor}`}
    </>
  );
}

function Actions({ place, status }: { readonly place: ObjectPlace; readonly status: ObjectStatus }) {
  const isOperator = useMay('operator');
  const [, go] = useLocation();
  const remove = useChange('removeObject');
  if (!isOperator) return null;
  const url = s3Url(place.bucket, place.key);
  return (
    <>
      <Download place={place} size={status.size} />
      <DialogButton label="Copy">
        {(close) => <TransferObject source={place} isMove={false} onClose={close} />}
      </DialogButton>
      <DialogButton label="Move">
        {(close) => <TransferObject source={place} isMove onClose={close} />}
      </DialogButton>
      <DialogButton label="Encrypt again">
        {(close) => <ReencryptObject source={place} onClose={close} />}
      </DialogButton>
      <ConfirmButton
        label="Remove"
        consequence={{
          title: `Remove ${lastPart(place.key)}?`,
          does: `1 object of ${formatBytes(status.size)} at ${url}.`,
          undo: 'Without versioning of the bucket this cannot be undone. With it, the older versions stay.',
          command: commandOf('object', 'rm', url),
          verb: 'Remove the object',
        }}
        act={async () => {
          await remove.mutateAsync({ query: { ...place } });
          go(prefixPage(place.bucket, parentOf(place.key)));
        }}
      />
    </>
  );
}

/** A link for a person with a session. A token is in no link: the page then fetches the content itself. */
function Download({ place, size }: { readonly place: ObjectPlace; readonly size: number }) {
  const [error, setError] = useState<unknown>(null);
  const name = lastPart(place.key);
  if (bearerHeaders()['authorization'] === undefined) {
    return (
      <Button component="a" href={contentUrl(place)} download={name}>
        Download
      </Button>
    );
  }
  const isTooLarge = size > maxBlobBytes;
  return (
    <>
      <Button
        disabled={isTooLarge}
        title={
          isTooLarge ? `With an API token up to ${formatBytes(maxBlobBytes)}: log in, or use the command` : ''
        }
        onClick={() => void saveWithToken(place, name).then(() => setError(null), setError)}
      >
        Download
      </Button>
      <ProblemNotice error={error} />
    </>
  );
}

function Evidence({ place, status }: { readonly place: ObjectPlace; readonly status: ObjectStatus }) {
  const { encryption, writer, metadata, versions, unsettledWrites } = status;
  const columns = useMemo(() => columnsOf(place), [place]);
  const checksum = status.crc32c ?? status.crc64Nvme ?? status.crc32;
  return (
    <>
      <Facts
        entries={[
          ['Encryption', <EncryptionOf key="encryption" value={encryption} />],
          encryption.kind === 'sse-c' ? ['Known from', sources[encryption.source]] : null,
          ['Size', <Bytes key="size" value={status.size} />],
          ['Last write', <RelativeTime key="time" time={status.lastModified} />],
          writer === null
            ? [
                'Written by',
                <span key="writer" className="dim">
                  another client of the bucket
                </span>,
              ]
            : ['Written by', <Writer key="writer" value={writer} />],
          status.mtimeSeconds === null
            ? null
            : ['Time of the file', <RelativeTime key="mtime" time={status.mtimeSeconds * 1000} />],
          ['ETag', <Mono key="etag">{status.etag}</Mono>],
          checksum === null ? null : ['Checksum', <Mono key="checksum">{checksum}</Mono>],
          status.contentType === null ? null : ['Content type', status.contentType],
          ...Object.entries(metadata ?? {}).map(
            ([name, value]) => [`Metadata: ${name}`, <Mono key={name}>{value}</Mono>] as const,
          ),
        ]}
      />
      {unsettledWrites.length === 0 ? null : (
        <Section title="Writes without an answer of S3">
          {unsettledWrites.map((one) => (
            <Writer key={one.requestId} value={one} />
          ))}
        </Section>
      )}
      <Section title="Versions">
        <DataTable
          label="Versions"
          columns={columns}
          query={{ data: { items: versions }, error: null, refetch: () => undefined }}
          rowKey={(version) => `${version.kind} ${version.versionId}`}
          filters={noFilters}
          noun={['version', 'versions']}
          empty={<p>S3 lists no version of this object.</p>}
        />
      </Section>
    </>
  );
}

/** The table of versions has no filters, and its order is that of S3. */
const noFilters = {
  values: {},
  get: () => '',
  set: () => undefined,
  replaceAll: () => undefined,
  clear: () => undefined,
  isFiltered: false,
};

const sources = {
  ledger: 'the ledger',
  store: 'an attempt with the available keys',
  tag: 'the tag of the version',
} as const;

function Writer({
  value: { actor, requestId, beganMs },
}: {
  readonly value: NonNullable<ObjectStatus['writer']>;
}) {
  return (
    <>
      {actor}, <RelativeTime time={beganMs} />,{' '}
      <Link href={`/audit?request=${encodeURIComponent(requestId)}`}>request {requestId}</Link>
    </>
  );
}

function columnsOf(place: ObjectPlace): readonly Column<Version>[] {
  return [
    {
      id: 'written',
      header: 'Written',
      width: 104,
      cell: ({ lastModified }) => <RelativeTime time={lastModified} />,
    },
    {
      id: 'version',
      header: 'Version',
      fromWidth: 720,
      cell: ({ versionId, isLatest }) => (
        <>
          {versionId === null || versionId === undefined ? (
            <span className="dim">without an id</span>
          ) : (
            <Mono>{versionId}</Mono>
          )}
          {isLatest === true ? ' (latest)' : ''}
        </>
      ),
    },
    {
      id: 'key',
      header: 'Key',
      width: 148,
      wideWidth: 280,
      cell: (version) =>
        version.kind === 'object' ? <EncryptionOf value={version.encryption} /> : <span>removed here</span>,
    },
    {
      id: 'size',
      header: 'Size',
      width: 96,
      isNumber: true,
      fromWidth: 480,
      cell: (version) => (version.kind === 'object' ? <Bytes value={version.size} /> : null),
    },
    {
      id: 'remove',
      header: 'Action',
      width: 106,
      cell: (version) => <RemoveVersion place={place} version={version} />,
    },
  ];
}

function RemoveVersion({ place, version }: { readonly place: ObjectPlace; readonly version: Version }) {
  const remove = useChange('removeObject');
  const { versionId } = version;
  if (!useMay('operator') || versionId === null || versionId === undefined) return null;
  const url = s3Url(place.bucket, place.key);
  return (
    <ConfirmButton
      label="Remove"
      isCompact
      consequence={{
        title: 'Remove this version?',
        does: `The version ${versionId} of ${url}.`,
        undo:
          version.kind === 'object'
            ? 'This cannot be undone.'
            : 'The object appears again in its newest version. You can remove it again.',
        command: commandOf('object', 'rm', '--version-id', versionId, url),
        verb: 'Remove the version',
      }}
      act={() => remove.mutateAsync({ query: { ...place, versionId } })}
    />
  );
}
