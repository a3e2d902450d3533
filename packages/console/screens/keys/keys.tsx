import { useMemo } from 'react';
import { Link } from 'wouter';
import { useAll, useRead } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { Command } from '../../parts/copy.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { DialogButton } from '../../parts/dialog-button.js';
import { ClearFilters, FilterChoice, FilterText, useFilters } from '../../parts/filters.js';
import { countOf, formatBytes, formatCount } from '../../parts/format.js';
import { KeyGlyph } from '../../parts/key-glyph.js';
import { PageLayout, Section } from '../../parts/page.js';
import { Status } from '../../parts/status.js';
import { Bytes, RelativeTime } from '../../parts/values.js';
import { KeyDiagram } from './diagram.js';
import { GenerateKey, ImportKey } from './new-key.js';
import { isAtRisk, type Key, keyStates, ownerText } from './words.js';

const columns: readonly Column<Key>[] = [
  {
    id: 'key',
    header: 'Key',
    sortBy: ({ label, id }) => label || id,
    cell: ({ id, label }) => <KeyGlyph value={{ id, label }} />,
  },
  {
    id: 'owner',
    header: 'Owner',
    width: 170,
    fromWidth: 1000,
    sortBy: ownerText,
    cell: (key) =>
      key.owner.kind === 'user' ? (
        <Link href={`/users/${key.owner.username}`}>{key.owner.username}</Link>
      ) : (
        <span className="dim">{ownerText(key)}</span>
      ),
  },
  {
    id: 'state',
    header: 'State',
    width: 110,
    fromWidth: 480,
    sortBy: ({ state }) => state,
    cell: ({ state }) => {
      const [tone, word] = keyStates[state];
      return <Status tone={tone}>{word}</Status>;
    },
  },
  {
    id: 'recoverable',
    header: 'Recovery',
    width: 136,
    fromWidth: 720,
    sortBy: ({ isRecoverable }) => isRecoverable,
    cell: (key) =>
      key.state === 'destroyed' ? null : (
        <Status tone={isAtRisk(key) ? 'bad' : 'good'}>{isAtRisk(key) ? 'not possible' : 'possible'}</Status>
      ),
  },
  {
    id: 'writers',
    header: 'Encrypts new files of',
    width: 190,
    fromWidth: 1280,
    sortBy: ({ writers }) => writers.length,
    cell: ({ writers }) => <Writers of={writers} />,
  },
  {
    id: 'objects',
    header: 'Objects',
    width: 92,
    isNumber: true,
    sortBy: ({ objects }) => objects,
    cell: ({ objects }) => formatCount(objects),
  },
  {
    id: 'bytes',
    header: 'Bytes',
    width: 100,
    isNumber: true,
    fromWidth: 480,
    sortBy: ({ bytes }) => bytes,
    cell: ({ bytes }) => <Bytes value={bytes} />,
  },
  {
    id: 'age',
    header: 'Age',
    width: 112,
    isNumber: true,
    fromWidth: 1000,
    sortBy: ({ created }) => created,
    cell: ({ created }) => <RelativeTime time={created} />,
  },
];

function Writers({ of }: { readonly of: readonly string[] }) {
  if (of.length === 0) return <span className="dim">nobody</span>;
  const [first = ''] = of;
  return <span title={of.join('\n')}>{of.length === 1 ? first : `${countOf(of.length, 'location')}`}</span>;
}

/** The keys of the keyring, with what needs each of them. */
export function Keys() {
  const query = useAll('listKeys');
  const recovery = useRead('getRecovery', {}, { freshMs: 60_000 });
  const filters = useFilters();
  const isCustodian = useMay('custodian');
  const [text, state, at] = [filters.get('q').toLowerCase(), filters.get('state'), filters.get('recovery')];
  const live = useMemo(
    () => query.data?.items.filter((key) => key.state !== 'destroyed') ?? [],
    [query.data],
  );
  return (
    <PageLayout
      title="Keys"
      answer={query.data === undefined ? undefined : answerOf(live)}
      actions={
        isCustodian ? (
          <>
            <DialogButton label="Generate a key" isPrimary>
              {(close) => <GenerateKey onClose={close} />}
            </DialogButton>
            <DialogButton label="Import a key">{(close) => <ImportKey onClose={close} />}</DialogButton>
          </>
        ) : undefined
      }
    >
      <div className="filters">
        <FilterText filters={filters} name="q" label="Label, fingerprint or owner" />
        <FilterChoice
          filters={filters}
          name="state"
          label="State"
          options={Object.entries(keyStates).map(([value, [, word]]) => [value, word])}
        />
        <FilterChoice
          filters={filters}
          name="recovery"
          label="Recovery"
          options={[
            ['no', 'not possible'],
            ['yes', 'possible'],
          ]}
        />
        <ClearFilters filters={filters} />
      </div>
      <DataTable
        label="Keys"
        columns={columns}
        query={query}
        rowKey={({ id }) => id}
        filters={filters}
        isShown={(key) =>
          [key.label, key.id, ownerText(key)].some((part) => part.toLowerCase().includes(text)) &&
          (state === '' || key.state === state) &&
          (at === '' || (at === 'no') === isAtRisk(key))
        }
        noun={['key', 'keys']}
        empty={<p>There is no key yet. Generate one here, or create a user with SSE-C, who gets one.</p>}
      />
      {live.length === 0 || recovery.data === undefined ? null : (
        <Section title="Access to keys and data">
          <KeyDiagram keys={live} recipients={recovery.data.recipients} />
        </Section>
      )}
      <Command text="sftpgw key list" />
    </PageLayout>
  );
}

function answerOf(live: readonly Key[]): string {
  const objects = live.reduce((sum, key) => sum + key.objects, 0);
  const bytes = live.reduce((sum, key) => sum + key.bytes, 0);
  const lost = live.filter(isAtRisk);
  const used = live.filter((key) => key.objects > 0).length;
  const keys = used === live.length ? countOf(used, 'key') : `${used} of ${countOf(live.length, 'key')}`;
  const needed = `${countOf(objects, 'object')} (${formatBytes(bytes)}) ${objects === 1 ? 'needs' : 'need'} ${keys}.`;
  if (live.length === 0) return 'There is no key.';
  return lost.length === 0
    ? `${needed} All of them can be recovered without this machine.`
    : `${needed} Without this machine, ${countOf(lost.length, 'key')} and ${lost.length === 1 ? 'its' : 'their'} objects are lost.`;
}
