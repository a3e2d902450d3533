import { Button, Checkbox, NativeSelect, TextInput } from '@mantine/core';
import { type ReactNode, useCallback, useMemo, useState } from 'react';
import { useSearchParams } from 'wouter';

/** The filters of a page: the query of its URL, so that a link shows the same rows. */
export interface Filters {
  readonly values: Readonly<Record<string, string>>;
  /** Returns the value of a filter; an empty text if it is not set. */
  get(name: string): string;
  /** Sets a filter; an empty text removes it. */
  set(name: string, value: string): void;
  /** Sets these filters, and removes the others. */
  replaceAll(values: Readonly<Record<string, string>>): void;
  /** Removes the filters, but stays on the tab. */
  clear(): void;
  /** True if a filter is set. The order of the rows is not one. */
  readonly isFiltered: boolean;
}

/** Parts of the query that choose no rows. */
const otherNames: readonly string[] = ['sort', 'tab'];

/** Returns the filters of this page. */
export function useFilters(): Filters {
  const [search, setSearch] = useSearchParams();
  const values = useMemo(() => Object.fromEntries(search), [search]);
  const set = useCallback(
    (name: string, value: string) =>
      setSearch(
        (before) => {
          const next = new URLSearchParams(before);
          if (value === '') next.delete(name);
          else next.set(name, value);
          return next;
        },
        { replace: true },
      ),
    [setSearch],
  );
  const replaceAll = useCallback(
    (next: Readonly<Record<string, string>>) => setSearch(new URLSearchParams(next), { replace: true }),
    [setSearch],
  );
  const clear = () =>
    replaceAll(Object.fromEntries(Object.entries(values).filter(([name]) => otherNames.includes(name))));
  const isFiltered = Object.keys(values).some((name) => !otherNames.includes(name));
  return { values, get: (name) => values[name] ?? '', set, replaceAll, clear, isFiltered };
}

/** A filter by text. */
export function FilterText({
  filters,
  name,
  label,
}: {
  readonly filters: Filters;
  readonly name: string;
  readonly label: string;
}) {
  return (
    <TextInput
      className="wide"
      type="search"
      aria-label={label}
      placeholder={label}
      value={filters.get(name)}
      onChange={(event) => filters.set(name, event.currentTarget.value)}
    />
  );
}

/** A filter by one of some values. `options` are pairs of value and word. */
export function FilterChoice({
  filters,
  name,
  label,
  options,
}: {
  readonly filters: Filters;
  readonly name: string;
  readonly label: string;
  readonly options: readonly (readonly [string, string])[];
}) {
  return (
    <NativeSelect
      aria-label={label}
      value={filters.get(name)}
      onChange={(event) => filters.set(name, event.currentTarget.value)}
      data={[
        { value: '', label: `${label}: any` },
        ...options.map(([value, word]) => ({ value, label: word })),
      ]}
    />
  );
}

/** A filter that is on (`yes` in the URL) or off. */
export function FilterSwitch({
  filters,
  name,
  label,
}: {
  readonly filters: Filters;
  readonly name: string;
  readonly label: string;
}) {
  return (
    <Checkbox
      label={label}
      checked={filters.get(name) === 'yes'}
      onChange={(event) => filters.set(name, event.currentTarget.checked ? 'yes' : '')}
    />
  );
}

/** Filters behind a button, which are rarely needed. They are visible if one of `names` is set. */
export function MoreFilters({
  filters,
  names,
  children,
}: {
  readonly filters: Filters;
  readonly names: readonly string[];
  readonly children: ReactNode;
}) {
  const [isOpen, setOpen] = useState(() => names.some((name) => filters.get(name) !== ''));
  if (isOpen) return children;
  return (
    <Button variant="default" onClick={() => setOpen(true)}>
      More filters
    </Button>
  );
}

/** Removes all filters; invisible without one. */
export function ClearFilters({ filters }: { readonly filters: Filters }) {
  if (!filters.isFiltered) return null;
  return (
    <Button variant="subtle" onClick={filters.clear}>
      Clear filters
    </Button>
  );
}
