import { Button } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useMemo, useRef } from 'react';
import { type Filters, useFilters } from './filters.js';
import { formatCount } from './format.js';
import { Answer, type Loaded } from './loading.js';

const rowPx = 32;
/** Shorter tables are drawn whole, so that the browser's own search finds their rows. */
const virtualFrom = 200;
const overscan = 12;
/** The least width of a column without one. */
const minFlexiblePx = 120;

/** One column of a table. */
export interface Column<T> {
  readonly id: string;
  readonly header: string;
  readonly cell: (row: T) => ReactNode;
  /** The width in pixels; without it the column shares what the others leave. */
  readonly width?: number;
  /** The width on screens of 1000 pixels or more, if it differs. */
  readonly wideWidth?: number;
  /** Numbers are on the right. */
  readonly isNumber?: boolean;
  /** The value that rows are sorted by; without it the column cannot be sorted. */
  readonly sortBy?: (row: T) => string | number | boolean | null;
  /** The column is hidden on narrower screens: pixels. */
  readonly fromWidth?: 480 | 720 | 1000 | 1280;
}

/** Properties of a table. */
export interface DataTableProps<T> {
  /** Names the table for screen readers. */
  readonly label: string;
  readonly columns: readonly Column<T>[];
  readonly query: Loaded<{ readonly items: readonly T[]; readonly isCut?: boolean }>;
  readonly rowKey: (row: T) => string;
  /** The filters of the page; those of the URL by default. */
  readonly filters?: Filters;
  /** Chooses rows in the browser; without it the gateway has applied the filters. */
  readonly isShown?: (row: T) => boolean;
  /** The text in place of the rows if there are none: the first step. */
  readonly empty: ReactNode;
  /** The word for rows, such as `user`, with its plural. */
  readonly noun: readonly [string, string];
}

/**
 * A table with dense rows, a sticky header and sorting in the URL (`sort=name`, `sort=-name`). It has states for
 * loading, faults, no rows and no rows behind the filters, and draws only the visible rows of a long list.
 */
export function DataTable<T>(props: DataTableProps<T>) {
  return <Answer query={props.query}>{(data) => <Rows {...props} {...data} />}</Answer>;
}

function Rows<T>({
  items,
  isCut = false,
  isShown,
  empty,
  noun,
  ...rest
}: DataTableProps<T> & { readonly items: readonly T[]; readonly isCut?: boolean }) {
  const ofUrl = useFilters();
  const filters = rest.filters ?? ofUrl;
  const shown = useMemo(() => (isShown === undefined ? items : items.filter(isShown)), [items, isShown]);
  if (items.length === 0 && !filters.isFiltered) return <div className="notice-box">{empty}</div>;
  if (shown.length === 0) {
    return (
      <div className="notice-box">
        <p>No {noun[0]} matches these filters.</p>
        <Button variant="default" onClick={filters.clear}>
          Clear filters
        </Button>
      </div>
    );
  }
  const counted = `${formatCount(shown.length)} ${shown.length === 1 ? noun[0] : noun[1]}`;
  return (
    <div className="table-part">
      <Body {...rest} items={shown} filters={filters} />
      <div className="table-foot">
        {shown.length === items.length ? counted : `${counted} of ${formatCount(items.length)}`}
        {isCut ? `. There are more than ${formatCount(items.length)}: narrow the list with a filter` : ''}
      </div>
    </div>
  );
}

function Body<T>({
  label,
  columns,
  items,
  rowKey,
  filters,
}: Pick<DataTableProps<T>, 'label' | 'columns' | 'rowKey'> & {
  readonly items: readonly T[];
  readonly filters: Filters;
}) {
  const visible = useVisible(columns);
  const rows = useSorted(items, columns, filters.get('sort'));
  const scroller = useRef<HTMLElement>(null);
  const isVirtual = rows.length >= virtualFrom;
  const virtualizer = useVirtualizer({
    count: isVirtual ? rows.length : 0,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowPx,
    overscan,
  });
  const drawn = virtualizer.getVirtualItems();
  const [from, to] = isVirtual ? [drawn[0]?.index ?? 0, (drawn.at(-1)?.index ?? -1) + 1] : [0, rows.length];
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the table scrolls, also by keyboard
    <section ref={scroller} className="table-scroll" aria-label={label} tabIndex={0}>
      <table className="table" aria-rowcount={rows.length + 1} style={{ minWidth: minWidthOf(visible) }}>
        <colgroup>
          {visible.map(({ id, width }) => (
            <col key={id} {...(width === undefined ? {} : { style: { width } })} />
          ))}
        </colgroup>
        <thead>
          <tr aria-rowindex={1}>
            {visible.map((column) => (
              <Header key={column.id} column={column} filters={filters} />
            ))}
          </tr>
        </thead>
        <tbody>
          <Spacer height={from * rowPx} span={visible.length} />
          {rows.slice(from, to).map((row, index) => (
            <tr key={rowKey(row)} data-row="" aria-rowindex={from + index + 2}>
              {visible.map(({ id, isNumber, cell }) => (
                <td key={id} className={isNumber === true ? 'right' : ''}>
                  {cell(row)}
                </td>
              ))}
            </tr>
          ))}
          <Spacer height={(rows.length - to) * rowPx} span={visible.length} />
        </tbody>
      </table>
    </section>
  );
}

function Spacer({ height, span }: { readonly height: number; readonly span: number }) {
  if (height <= 0) return null;
  return (
    <tr className="spacer">
      <td colSpan={span} style={{ height }} />
    </tr>
  );
}

function Header<T>({ column, filters }: { readonly column: Column<T>; readonly filters: Filters }) {
  const { id, header, isNumber, sortBy } = column;
  const sorted = filters.get('sort');
  const direction = sorted === id ? 'ascending' : sorted === `-${id}` ? 'descending' : 'none';
  const next = direction === 'ascending' ? `-${id}` : direction === 'descending' ? '' : id;
  const mark = { ascending: ' ↑', descending: ' ↓', none: '' }[direction];
  return (
    <th scope="col" className={isNumber === true ? 'right' : ''} aria-sort={direction}>
      {sortBy === undefined ? (
        header
      ) : (
        <button type="button" onClick={() => filters.set('sort', next)}>
          {header}
          <span aria-hidden="true">{mark}</span>
        </button>
      )}
    </th>
  );
}

/** Returns the width in pixels below which the table scrolls, so that no column disappears. */
function minWidthOf<T>(columns: readonly Column<T>[]): number {
  return columns.reduce((sum, { width }) => sum + (width ?? minFlexiblePx), 0);
}

/** Returns the columns that the screen has room for. */
function useVisible<T>(columns: readonly Column<T>[]): readonly Column<T>[] {
  const isAtLeast: Readonly<Record<number, boolean>> = {
    480: useMediaQuery('(min-width: 480px)', true) ?? true,
    720: useMediaQuery('(min-width: 720px)', true) ?? true,
    1000: useMediaQuery('(min-width: 1000px)', true) ?? true,
    1280: useMediaQuery('(min-width: 1280px)', true) ?? true,
  };
  return columns.flatMap((column) => {
    const { fromWidth, wideWidth } = column;
    if (fromWidth !== undefined && isAtLeast[fromWidth] !== true) return [];
    return wideWidth !== undefined && isAtLeast[1000] === true ? [{ ...column, width: wideWidth }] : [column];
  });
}

function useSorted<T>(items: readonly T[], columns: readonly Column<T>[], sort: string): readonly T[] {
  return useMemo(() => {
    const sortBy = columns.find(({ id }) => id === sort.replace(/^-/, ''))?.sortBy;
    if (sortBy === undefined) return items;
    const sign = sort.startsWith('-') ? -1 : 1;
    return items.toSorted((one, other) => sign * compare(sortBy(one), sortBy(other)));
  }, [items, columns, sort]);
}

/** Rows without a value are the last in ascending order. */
function compare(one: string | number | boolean | null, other: string | number | boolean | null): number {
  if (one === other) return 0;
  if (one === null) return 1;
  if (other === null) return -1;
  if (typeof one === 'string' && typeof other === 'string') {
    return one.localeCompare(other, 'en', { numeric: true });
  }
  return one < other ? -1 : 1;
}
