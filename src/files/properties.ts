import { escapeKey, escapeValue } from './properties-escapes.js';
import { endsInContinuation, parseNaturalLines, readLogicalLine } from './properties-lines.js';

/** One setting that counts: the last of its name. */
export interface Property {
  readonly key: string;
  readonly value: string;
  /** 1-based, the first line of the entry. */
  readonly line: number;
}

/**
 * Something a person should know about the text. The document works all the same: after a `notice` as written, after an
 * `error` perhaps not as meant.
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
  /** Everything up to the value, as it was written: indent, key, separator. */
  readonly head: string;
  /** As it stands in the file, continuation lines and line ends included. */
  raw: string;
  problem: string | null;
}

interface Gap {
  readonly kind: 'gap';
  readonly raw: string;
}

type Item = Entry | Gap;

/**
 * A `.properties` text that can be changed without disturbing the rest of it: comments, blank lines, order, line ends and
 * the spelling of untouched entries stay as they are. The grammar is that of java.util.Properties.load (Java SE 21):
 * `key=value`, `key: value` or `key value`, `#` and `!` comments, `\` escapes and continuation lines. Unlike there, the text
 * is UTF-8 and a malformed `\u` escape is reported instead of thrown.
 */
export class PropertiesDocument {
  readonly #items: Item[];
  readonly #lineEnd: '\n' | '\r\n';

  private constructor(items: Item[], lineEnd: '\n' | '\r\n') {
    this.#items = items;
    this.#lineEnd = lineEnd;
  }

  /** Never throws; see `problems`. */
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

  /** The text; what was parsed, byte for byte, when nothing was changed. */
  render(): string {
    return this.#items.map((item) => item.raw).join('');
  }

  /** The value that counts, null when the key is not there. */
  get(key: string): string | null {
    return this.#last(key)?.value ?? null;
  }

  /** The 1-based line of the entry that counts, null when the key is not there. */
  lineOf(key: string): number | null {
    return this.entries().find((entry) => entry.key === key)?.line ?? null;
  }

  /** The entries that count, in the order of the file. */
  entries(): readonly Property[] {
    const found = new Map<string, Property>();
    for (const { entry, line } of this.#positions()) {
      found.delete(entry.key);
      found.set(entry.key, { key: entry.key, value: entry.value, line });
    }
    return [...found.values()];
  }

  /** Duplicates, entries without a name, malformed escapes. */
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
          text: `${entry.key} is also set on line ${earlier}; the later line counts`,
        });
      }
      firstLine.set(entry.key, line);
    }
    return problems;
  }

  /**
   * Changes the entry that counts in its place; else replaces the first comment line that is this entry and nothing more
   * (`#key=...`, without a blank behind the `#`); else adds one at the end.
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

  /** Takes every entry of this name away. False when there was none. */
  remove(key: string): boolean {
    const before = this.#items.length;
    for (let at = before - 1; at >= 0; at--) {
      const item = this.#items[at];
      if (item?.kind === 'entry' && item.key === key) this.#items.splice(at, 1);
    }
    return this.#items.length !== before;
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
      // A file that ends in a continuation takes one blank line to end the entry, or it would swallow ours.
      // After a lone CR it is another CR: LF would only make the same line end longer.
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
    // The breaks counted, not the items: a break added to an unterminated last line is an item of its own.
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
