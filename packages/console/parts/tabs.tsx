import { Tabs } from '@mantine/core';
import type { ReactNode } from 'react';
import { useFilters } from './filters.js';

/** One part of a detail page. */
export interface Tab {
  readonly id: string;
  readonly label: string;
  readonly content: () => ReactNode;
}

/** The parts of a detail page. The chosen one is in the URL (`tab=access`); the first is the default. */
export function PageTabs({ label, tabs }: { readonly label: string; readonly tabs: readonly Tab[] }) {
  const filters = useFilters();
  const first = tabs[0]?.id ?? '';
  const wanted = filters.get('tab');
  const chosen = tabs.find(({ id }) => id === wanted) ?? tabs[0];
  return (
    <Tabs
      value={chosen?.id ?? null}
      onChange={(id) => filters.replaceAll(id === null || id === first ? {} : { tab: id })}
      keepMounted={false}
    >
      <Tabs.List aria-label={label}>
        {tabs.map(({ id, label: name }) => (
          <Tabs.Tab key={id} value={id}>
            {name}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      {tabs.map(({ id, content }) => (
        <Tabs.Panel key={id} value={id} className="tab-panel">
          {id === chosen?.id ? content() : null}
        </Tabs.Panel>
      ))}
    </Tabs>
  );
}
