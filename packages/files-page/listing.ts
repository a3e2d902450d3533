import { contentUrl, type Entry, type Right } from './api.js';
import { formatBytes, formatDay, formatTime, joined, plainName } from './format.js';
import { button, byId, element, nameElement } from './page-elements.js';

/** Rows that are drawn at once; a button draws more. */
const pageRows = 500;

type SortKey = 'name' | 'size' | 'time';

/** On narrow screens the parts have another layout, with which browsers forget that they are a table. */
const tableRoles = { table: 'table', thead: 'rowgroup', tbody: 'rowgroup', tr: 'row', th: 'columnheader' };

/** The actions of the user on an entry. */
export interface EntryActions {
  readonly rename: (entry: Entry) => void;
  readonly remove: (entry: Entry) => void;
}

const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' });

const order: Readonly<Record<SortKey, (one: Entry, other: Entry) => number>> = {
  name: (one, other) => collator.compare(one.name, other.name) || (one.name < other.name ? -1 : 1),
  size: (one, other) => one.size - other.size || collator.compare(one.name, other.name),
  time: (one, other) => one.mtimeSeconds - other.mtimeSeconds || collator.compare(one.name, other.name),
};

/** The table of a directory. */
export class Listing {
  readonly #actions: EntryActions;
  #directory = '/';
  #rights: readonly Right[] = [];
  #entries: readonly Entry[] = [];
  #incomplete: ReadonlySet<string> = new Set();
  #sort: SortKey = 'name';
  #isAscending = true;
  #shown = pageRows;

  constructor(actions: EntryActions) {
    this.#actions = actions;
    for (const [tag, role] of Object.entries(tableRoles)) {
      for (const part of document.querySelectorAll(`#table ${tag}, ${tag}#table`))
        part.setAttribute('role', role);
    }
    for (const sorter of document.querySelectorAll<HTMLElement>('[data-sort]')) {
      sorter.addEventListener('click', () => this.#sortBy(sorter.dataset['sort'] as SortKey));
    }
    byId('more').addEventListener('click', () => {
      this.#shown += pageRows;
      this.#draw();
    });
  }

  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** Shows a directory. `incomplete` has the paths of files of which only a part was sent. */
  show(
    directory: string,
    entries: readonly Entry[],
    { rights, incomplete }: { readonly rights: readonly Right[]; readonly incomplete: ReadonlySet<string> },
  ): void {
    if (directory !== this.#directory) this.#shown = pageRows;
    this.#directory = directory;
    this.#incomplete = incomplete;
    this.#entries = entries;
    this.#rights = rights;
    this.#draw();
  }

  hide(): void {
    const hadFocus = byId('table').contains(document.activeElement);
    this.#entries = [];
    byId('table').hidden = true;
    byId('more').hidden = true;
    if (hadFocus) byId('title').focus();
  }

  /** Moves the focus to the button of an entry, or to the title if the entry has none. */
  focusRename(name: string): void {
    (labelled(`Rename ${plainName(name)}`) ?? byId('title')).focus();
  }

  #sortBy(key: SortKey): void {
    this.#isAscending = this.#sort === key ? !this.#isAscending : key === 'name';
    this.#sort = key;
    this.#draw();
  }

  #draw(): void {
    const direction = this.#isAscending ? 1 : -1;
    const sorted = this.#entries.toSorted(
      (one, other) =>
        Number(other.type === 'directory') - Number(one.type === 'directory') ||
        direction * order[this.#sort](one, other),
    );
    const focused = byId('rows').contains(document.activeElement) ? labelOf(document.activeElement) : null;
    byId('rows').replaceChildren(...sorted.slice(0, this.#shown).map((entry) => this.#row(entry)));
    byId('table').hidden = sorted.length === 0;
    if (focused !== null) (labelled(focused) ?? byId('title')).focus();
    const left = sorted.length - this.#shown;
    byId('more').hidden = left <= 0;
    byId('more').textContent = `Show ${Math.min(pageRows, left)} more of ${left}`;
    for (const sorter of document.querySelectorAll<HTMLElement>('[data-sort]')) {
      const header = sorter.closest('th');
      const isSorted = sorter.dataset['sort'] === this.#sort;
      if (isSorted) header?.setAttribute('aria-sort', this.#isAscending ? 'ascending' : 'descending');
      else header?.removeAttribute('aria-sort');
    }
  }

  #row(entry: Entry): HTMLElement {
    const { name, type, size, mtimeSeconds } = entry;
    const isFile = type === 'file';
    if (isFile && this.#incomplete.has(joined(this.#directory, name))) return incompleteRow(entry);
    return element(
      'tr',
      { role: 'row', class: type },
      element('td', { role: 'cell', class: 'name' }, kindMark(type), this.#link(entry)),
      element('td', { role: 'cell', class: 'number' }, isFile ? formatBytes(size) : ''),
      element('td', { role: 'cell', class: 'time' }, ...(isFile ? times(mtimeSeconds) : [])),
      element('td', { role: 'cell', class: 'actions' }, ...this.#buttons(entry, plainName(name))),
    );
  }

  #link({ name, type }: Entry): HTMLElement {
    const path = joined(this.#directory, name);
    const title = plainName(name);
    if (type === 'directory') return element('a', { href: hashOf(path), title }, nameElement(name));
    if (type === 'link' || !this.#rights.includes('read'))
      return element('span', { title }, nameElement(name));
    return element(
      'a',
      { href: contentUrl(path), download: '', title: `Download ${title}` },
      nameElement(name),
    );
  }

  #buttons(entry: Entry, name: string): readonly HTMLElement[] {
    const buttons: HTMLElement[] = [];
    const allows = (right: Right) => this.#rights.includes(right);
    if (allows('rename')) {
      buttons.push(button('Rename', `Rename ${name}`, 'plain', () => this.#actions.rename(entry)));
    }
    if (allows('remove')) {
      buttons.push(button('Delete', `Delete ${name}`, 'plain danger', () => this.#actions.remove(entry)));
    }
    return buttons;
  }
}

/** Returns the row of a file that is not stored yet: it can neither be fetched nor changed. */
function incompleteRow({ name, type }: Entry): HTMLElement {
  const cell = (kind: string, ...content: readonly HTMLElement[]) =>
    element('td', { role: 'cell', class: kind }, ...content);
  return element(
    'tr',
    { role: 'row', class: type },
    cell('name', kindMark(type), element('span', { title: plainName(name) }, nameElement(name))),
    cell('number', element('span', {}, 'incomplete')),
    cell('time'),
    cell('actions'),
  );
}

/** Returns the time of a file, of which narrow screens show the day. */
function times(seconds: number): readonly HTMLElement[] {
  const moment = formatTime(seconds);
  return [
    element('span', { class: 'moment' }, moment),
    element('span', { class: 'day', title: moment }, formatDay(seconds)),
  ];
}

/** Returns what tells a link or a button of a row from the others. */
function labelOf(part: Element | null): string {
  return part?.getAttribute('aria-label') ?? part?.getAttribute('title') ?? '';
}

/** Returns the link or the button of a row with this label. */
function labelled(label: string): HTMLElement | null {
  const parts = byId('rows').querySelectorAll<HTMLElement>('a, button');
  return [...parts].find((part) => labelOf(part) === label) ?? null;
}

/** Returns the link of a directory. */
export function hashOf(path: string): string {
  return `#${path.split('/').map(encodeURIComponent).join('/')}`;
}

const shapes: Readonly<Record<Entry['type'], string>> = {
  directory:
    'M1.5 4A1.5 1.5 0 0 1 3 2.5h3l1.6 1.7H13A1.5 1.5 0 0 1 14.5 5.7v6.3A1.5 1.5 0 0 1 13 13.5H3A1.5 1.5 0 0 1 1.5 12z',
  file: 'M4 1.5h5.2L13 5.3V13a1.5 1.5 0 0 1-1.5 1.5h-7A1.5 1.5 0 0 1 3 13V2.5a1 1 0 0 1 1-1zm5 .8v3.2h3.2',
  link: 'M6.5 9.5l3-3M5 8L3.5 9.5a2.1 2.1 0 0 0 3 3L8 11M8 5l1.500-1.500a2.1 2.1 0 0 1 3 3L11 8',
};

const words: Readonly<Record<Entry['type'], string>> = {
  directory: 'Folder',
  file: 'File',
  link: 'Broken link',
};

function kindMark(type: Entry['type']): HTMLElement {
  const picture = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  picture.setAttribute('viewBox', '0 0 16 16');
  picture.setAttribute('aria-hidden', 'true');
  const shape = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  shape.setAttribute('d', shapes[type]);
  shape.setAttribute('fill', type === 'directory' ? 'currentColor' : 'none');
  shape.setAttribute('stroke', type === 'directory' ? 'none' : 'currentColor');
  picture.append(shape);
  const word = element('span', { class: 'visually-hidden' }, `${words[type]} `);
  return element('span', { class: 'kind' }, picture, word);
}
