import { escapeKey, escapeValue } from './properties-escapes.js';
import { endsInContinuation, parseNaturalLines, readLogicalLine } from './properties-lines.js';

/** One effective setting: the last of its name. */
export interface Property {
  readonly key: string;
  readonly value: string;
  /** The first line of the entry, from 1. */
  readonly line: number;
}

/**
 * A problem in the text that a person should know. The document works anyway: after a `notice` as
 * written, after an `error` perhaps not as intended.
 */
export interface PropertiesProblem {
  readonly severity: 'notice' | 'error';
  readonly line: number;
  readonly text: string;
}

interface Entry {
  readonly kind: 'entry';
  readonly key: string;
  value: string;
  /** Everything before the value, as written: indent, key, separator. */
  readonly head: string;
  /** The entry as written, with its continuation lines and line ends. */
  raw: string;
  problem: string | null;
}

interface Gap {
  readonly kind: 'gap';
  readonly raw: string;
}

type Item = Entry | Gap;

/**
 * A `.properties` text that can be changed without altering the rest: comments, blank lines, order,
 * line ends and the spelling of other entries stay. The grammar is that of
 * java.util.Properties.load (Java SE 21): `key=value`, `key: value` or `key value`, `#` and `!`
 * comments, `\` escapes and continuation lines. It differs in two points: the text is UTF-8, and a
 * malformed `\u` escape is reported instead of thrown.
 */
export class PropertiesDocument {
  readonly #items: Item[];
  readonly #lineEnd: '\n' | '\r\n';

  private constructor(items: Item[], lineEnd: '\n' | '\r\n') {
    this.#items = items;
    this.#lineEnd = lineEnd;
  }

  /** Parses any text; see `problems`. */
  static parse(text: string): PropertiesDocument {
    const lines = parseNaturalLines(text);
    const items: Item[] = [];
    for (let at = 0; at < lines.length; ) {
      const logical = readLogicalLine(lines, at);
      at += logical.lineCount;
      if (logical.entry === null) items.push({ kind: 'gap', raw: logical.raw });
      else items.push({ kind: 'entry', raw: logical.raw, ...logical.entry });
    }
    return new PropertiesDocument(items, /^[^\n]*\r\n/.test(text) ? '\r\n' : '\n');
  }

  /** Returns the text. Without a change it equals the parsed text byte for byte. */
  render(): string {
    return this.#items.map((item) => item.raw).join('');
  }

  /** Returns the effective value, or null if there is no such key. */
  get(key: string): string | null {
    return this.#last(key)?.value ?? null;
  }

  /** Returns the line of the effective entry, from 1, or null if there is no such key. */
  lineOf(key: string): number | null {
    return this.entries().find((entry) => entry.key === key)?.line ?? null;
  }

  /** Returns the effective entries, in the order of the file. */
  entries(): readonly Property[] {
    const found = new Map<string, Property>();
    for (const { entry, line } of this.#positions()) {
      found.delete(entry.key);
      found.set(entry.key, { key: entry.key, value: entry.value, line });
    }
    return [...found.values()];
  }

  /** Returns duplicates, entries without a name and malformed escapes. */
  problems(): readonly PropertiesProblem[] {
    const problems: PropertiesProblem[] = [];
    const firstLine = new Map<string, number>();
    for (const { entry, line } of this.#positions()) {
      if (entry.problem !== null) problems.push({ severity: 'error', line, text: entry.problem });
      const earlier = firstLine.get(entry.key);
      if (earlier !== undefined) {
        problems.push({
          severity: 'notice',
          line,
          text: `${entry.key} is also set on line ${earlier}; the later line is effective`,
        });
      }
      firstLine.set(entry.key, line);
    }
    return problems;
  }

  /**
   * Changes the effective entry in place. Without one, replaces the first comment line that is
   * exactly this entry (`#key=...`, without a blank after the `#`). Without that, appends an entry.
   */
  set(key: string, value: string): void {
    const entry = this.#last(key);
    if (entry === null) {
      if (!this.#uncomment(key, value)) this.#append(key, value);
      return;
    }
    if (entry.value === value) return;
    const separated = /[=:]\s*$/.test(entry.head) ? entry.head : `${entry.head.trimEnd()}=`;
    entry.raw = separated + escapeValue(value) + lineEndOf(entry.raw);
    entry.value = value;
    entry.problem = null;
  }

  /** Removes every entry of this name. Returns false if there was none. */
  remove(key: string): boolean {
    const before = this.#items.length;
    for (let at = before - 1; at >= 0; at--) {
      const item = this.#items[at];
      if (item?.kind === 'entry' && item.key === key) this.#items.splice(at, 1);
    }
    return this.#items.length !== before;
  }

  /** Removes the comment lines that are exactly this entry (`#key=...`), which `set` would change into it. */
  removeComment(key: string): void {
    const head = `#${escapeKey(key)}=`;
    for (let at = this.#items.length - 1; at >= 0; at--) {
      const item = this.#items[at];
      if (item?.kind === 'gap' && item.raw.startsWith(head)) this.#items.splice(at, 1);
    }
  }

  #uncomment(key: string, value: string): boolean {
    const head = `${escapeKey(key)}=`;
    const at = this.#items.findIndex((item) => item.kind === 'gap' && item.raw.startsWith(`#${head}`));
    const item = this.#items[at];
    if (item === undefined) return false;
    const raw = head + escapeValue(value) + lineEndOf(item.raw);
    this.#items[at] = { kind: 'entry', key, value, head, raw, problem: null };
    return true;
  }

  #append(key: string, value: string): void {
    const last = this.#items.at(-1);
    if (last !== undefined) {
      let gap = lineEndOf(last.raw) === '' ? this.#lineEnd : '';
      // After a file that ends in a continuation, one blank line must end the entry, which would
      // swallow ours otherwise. After a lone CR this is another CR: an LF would only lengthen the
      // same line end.
      if (last.kind === 'entry' && endsInContinuation(last.raw)) {
        gap += last.raw.endsWith('\r') ? '\r' : this.#lineEnd;
      }
      if (gap !== '') this.#items.push({ kind: 'gap', raw: gap });
    }
    const head = `${escapeKey(key)}=`;
    const raw = head + escapeValue(value) + this.#lineEnd;
    this.#items.push({ kind: 'entry', key, value, head, raw, problem: null });
  }

  #last(key: string): Entry | null {
    for (let at = this.#items.length - 1; at >= 0; at--) {
      const item = this.#items[at];
      if (item?.kind === 'entry' && item.key === key) return item;
    }
    return null;
  }

  *#positions(): Generator<{ readonly entry: Entry; readonly line: number }> {
    // Counts line breaks, not items: a break that was added to an unterminated last line is an item
    // of its own.
    let line = 1;
    for (const item of this.#items) {
      if (item.kind === 'entry') yield { entry: item, line };
      line += item.raw.match(/\r\n|\r|\n/g)?.length ?? 0;
    }
  }
}

function lineEndOf(raw: string): string {
  return /(?:\r\n|\r|\n)$/.exec(raw)?.[0] ?? '';
}
