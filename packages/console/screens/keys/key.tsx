import { Link, useParams } from 'wouter';
import type { ItemOf } from '../../api/endpoints.js';
import { useAll, useRead } from '../../api/hooks.js';
import { Command, Copyable } from '../../parts/copy.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { commandOf, countOf, formatBytes } from '../../parts/format.js';
import { Glyph } from '../../parts/key-glyph.js';
import { Answer } from '../../parts/loading.js';
import { Facts, PageLayout, Section } from '../../parts/page.js';
import { Status } from '../../parts/status.js';
import { Bytes, Mono, RelativeTime } from '../../parts/values.js';
import { ObjectLink } from '../objects/object-link.js';
import { KeyDiagram } from './diagram.js';
import { KeyActions } from './key-actions.js';
import { Proof } from './proof.js';
import { isAtRisk, type Key, keyName, keyOrigins, keyStates, ownerText } from './words.js';

type Need = ItemOf<'listKeyNeeds'>;

const needStates: Readonly<Record<Need['state'], string>> = {
  current: 'current',
  'older-version': 'older version',
  intended: 'being written',
};

const columns: readonly Column<Need>[] = [
  {
    id: 'object',
    header: 'Object',
    sortBy: ({ key }) => key,
    cell: ({ bucket, key }) => <ObjectLink place={{ bucket, key }} />,
  },
  {
    id: 'bucket',
    header: 'Bucket',
    width: 150,
    fromWidth: 1000,
    sortBy: ({ bucket }) => bucket,
    cell: ({ bucket }) => bucket,
  },
  {
    id: 'version',
    header: 'Version',
    width: 180,
    fromWidth: 1280,
    cell: ({ versionId }) => (versionId === null ? null : <Mono>{versionId}</Mono>),
  },
  {
    id: 'state',
    header: 'State',
    width: 130,
    fromWidth: 480,
    sortBy: ({ state }) => state,
    cell: ({ state }) => needStates[state],
  },
  {
    id: 'size',
    header: 'Size',
    width: 96,
    isNumber: true,
    sortBy: ({ size }) => size,
    cell: ({ size }) => (size === null ? null : <Bytes value={size} />),
  },
];

/** One key: what it opens, what opens it, and how to take it out of use. */
export function KeyPage() {
  const { key: id = '' } = useParams<{ readonly key: string }>();
  const query = useRead('getKey', { parameters: { key: id } });
  const key = query.data;
  return (
    <PageLayout
      title={key === undefined ? 'Key' : keyName(key)}
      heading={
        key === undefined ? (
          'Key'
        ) : (
          <span className="key">
            <Glyph id={key.id} size={24} /> {keyName(key)}
          </span>
        )
      }
      answer={key === undefined ? undefined : answerOf(key)}
      actions={key === undefined ? undefined : <KeyActions value={key} />}
    >
      {key === undefined ? null : <Proof of={key.id} />}
      <Answer query={query}>{(found) => <Evidence value={found} />}</Answer>
      <Command text={commandOf('key', 'show', id.slice(0, 8))} />
    </PageLayout>
  );
}

function answerOf(key: Key): string {
  const { state, objects, bytes } = key;
  if (state === 'destroyed') return 'Destroyed. Nothing can open what it encrypted.';
  const needs =
    objects === 0
      ? 'The ledger knows no object that needs this key.'
      : `${countOf(objects, 'object')} (${formatBytes(bytes)}) ${objects === 1 ? 'needs' : 'need'} this key.`;
  return isAtRisk(key) ? `${needs} Only this machine opens it: with the machine, they are lost.` : needs;
}

function Evidence({ value: key }: { readonly value: Key }) {
  const recovery = useRead('getRecovery', {}, { freshMs: 60_000 });
  const needs = useAll('listKeyNeeds', { parameters: { key: key.id } });
  const [tone, word] = keyStates[key.state];
  return (
    <>
      <Facts
        entries={[
          ['Fingerprint', <Copyable key="id" text={key.id} what="the fingerprint" />],
          ['MD5 in S3', <Copyable key="md5" text={key.md5} what="the MD5" />],
          [
            'State',
            <span key="state">
              <Status tone={tone}>{word}</Status>{' '}
              {key.stateChanged === null ? null : <RelativeTime time={key.stateChanged} />}
            </span>,
          ],
          [
            'Owner',
            key.owner.kind === 'user' ? (
              <Link key="owner" href={`/users/${key.owner.username}`}>
                {key.owner.username}
              </Link>
            ) : (
              ownerText(key)
            ),
          ],
          ['Origin', keyOrigins[key.origin]],
          ['Age', <RelativeTime key="age" time={key.created} />],
          [
            'Encrypts new files of',
            key.writers.length === 0 ? (
              <span key="writers" className="dim">
                nobody
              </span>
            ) : (
              key.writers.join(', ')
            ),
          ],
        ]}
      />
      {key.state === 'destroyed' || recovery.data === undefined ? null : (
        <Section title="Access to keys and data">
          <KeyDiagram keys={[key]} recipients={key.isRecoverable ? recovery.data.recipients : []} />
        </Section>
      )}
      <Section title="Objects that need it, by the ledger">
        <DataTable
          label="Objects that need the key"
          columns={columns}
          query={needs}
          rowKey={({ bucket, key: name, versionId }) => `${bucket} ${name} ${versionId}`}
          noun={['version', 'versions']}
          empty={
            <p>The ledger knows no object that needs this key. “Prove that it is unused” asks S3 too.</p>
          }
        />
      </Section>
    </>
  );
}
