import { Button } from '@mantine/core';
import { useMemo, useState } from 'react';
import { useReadForChange } from '../../api/hooks.js';
import { useMay } from '../../api/roles.js';
import { type Column, DataTable } from '../../parts/data-table.js';
import { ClearFilters, FilterChoice, FilterSwitch, FilterText, useFilters } from '../../parts/filters.js';
import { countOf } from '../../parts/format.js';
import { PageLayout } from '../../parts/page.js';
import { ChangeSetting } from './change.js';
import { ReviewChanges } from './review.js';
import { type Draft, type Setting, sources, withChange } from './words.js';

const effects = [
  ['at once', 'at once'],
  ['after a restart', 'after a restart'],
] as const;

function columnsOf(draft: Draft, open: (name: string) => void): readonly Column<Setting>[] {
  return [
    {
      id: 'name',
      header: 'Setting',
      width: 170,
      wideWidth: 250,
      sortBy: ({ name }) => name,
      cell: (setting) => (
        <button type="button" className="link" title={setting.description} onClick={() => open(setting.name)}>
          <code>{setting.name}</code>
        </button>
      ),
    },
    { id: 'value', header: 'Value', cell: (setting) => <Value setting={setting} draft={draft} /> },
    {
      id: 'description',
      header: 'Meaning',
      fromWidth: 1000,
      cell: ({ description }) => (
        <span className="dim" title={description}>
          {description}
        </span>
      ),
    },
    {
      id: 'source',
      header: 'Source',
      width: 132,
      fromWidth: 480,
      sortBy: ({ source }) => source,
      cell: ({ source, environmentVariable }) => (
        <span title={source === 'environment' ? environmentVariable : undefined}>{sources[source]}</span>
      ),
    },
    {
      id: 'effect',
      header: 'Takes effect',
      width: 130,
      fromWidth: 720,
      sortBy: ({ takesEffect }) => takesEffect,
      cell: ({ takesEffect }) => takesEffect,
    },
  ];
}

function Value({
  setting: { name, value, source },
  draft,
}: {
  readonly setting: Setting;
  readonly draft: Draft;
}) {
  const next = draft.get(name);
  if (next !== undefined) {
    return (
      <span>
        <code className="removed">{value === '' ? 'empty' : value}</code>{' '}
        <code>{next === null ? 'the default' : next === '' ? 'empty' : next}</code>
      </span>
    );
  }
  if (value === '') return <span className="dim">empty</span>;
  return (
    <code className={source === 'default' ? 'dim' : ''} title={value}>
      {value}
    </code>
  );
}

/** The global settings: what is set, where, and when a change takes effect. */
export function Settings() {
  const answered = useReadForChange('getSettings');
  const filters = useFilters();
  const isAdmin = useMay('admin');
  const [draft, setDraft] = useState<Draft>(new Map());
  const [isReviewing, setReviewing] = useState(false);
  const [opened, setOpened] = useState<string | null>(null);
  const columns = useMemo(() => columnsOf(draft, setOpened), [draft]);
  const items = answered.data?.value.items;
  const setting = items?.find(({ name }) => name === opened);
  const [text, source, effect] = [
    filters.get('q').toLowerCase(),
    filters.get('source'),
    filters.get('effect'),
  ];
  const isChanged = filters.get('changed') === 'yes';
  return (
    <PageLayout title="Settings" answer={items === undefined ? undefined : answerOf(items)}>
      {draft.size === 0 ? null : (
        <div className="draft-bar" role="status">
          <span>{countOf(draft.size, 'change')} not saved yet.</span>
          <Button onClick={() => setReviewing(true)}>Review and save</Button>
          <Button variant="default" onClick={() => setDraft(new Map())}>
            Discard
          </Button>
        </div>
      )}
      {setting === undefined ? null : (
        <ChangeSetting
          setting={setting}
          draft={draft}
          change={isAdmin ? (value) => setDraft(withChange(draft, setting, value)) : null}
          onClose={() => setOpened(null)}
        />
      )}
      {isReviewing && items !== undefined ? (
        <ReviewChanges
          items={items}
          etag={answered.data?.etag ?? ''}
          draft={draft}
          readAgain={answered.refetch}
          onSaved={() => setDraft(new Map())}
          onClose={() => setReviewing(false)}
        />
      ) : null}
      <div className="filters">
        <FilterText filters={filters} name="q" label="Name or meaning" />
        <FilterChoice filters={filters} name="source" label="Source" options={Object.entries(sources)} />
        <FilterChoice filters={filters} name="effect" label="Takes effect" options={effects} />
        <FilterSwitch filters={filters} name="changed" label="Only those that are set" />
        <ClearFilters filters={filters} />
      </div>
      <DataTable
        label="Settings"
        columns={columns}
        query={{ ...answered, data: items === undefined ? undefined : { items } }}
        rowKey={({ name }) => name}
        filters={filters}
        isShown={(setting) =>
          [setting.name, setting.description].some((part) => part.toLowerCase().includes(text)) &&
          (source === '' || setting.source === source) &&
          (effect === '' || setting.takesEffect === effect) &&
          (!isChanged || setting.source !== 'default')
        }
        noun={['setting', 'settings']}
        empty={<p>The gateway has no settings.</p>}
      />
    </PageLayout>
  );
}

function answerOf(items: readonly Setting[]): string {
  const inFile = items.filter(({ source }) => source === 'file').length;
  const outside = items.filter(({ source }) => source === 'environment').length;
  const set = inFile + outside;
  if (set === 0) return `All ${items.length} settings have their defaults.`;
  return `${set} of ${countOf(items.length, 'setting')} differ from their defaults: ${inFile} in the file, ${outside} in the environment.`;
}
