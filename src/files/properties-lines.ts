import { decodeEscape } from './properties-escapes.js';

/** The parsed content of one logical line. */
export interface LogicalEntry {
  readonly key: string;
  readonly value: string;
  readonly head: string;
  readonly problem: string | null;
}

/**
 * A natural line with its line end, which only the last line may lack. `\r`, `\n` and `\r\n` are
 * line ends.
 */
export function parseNaturalLines(text: string): readonly string[] {
  return text.match(/[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+$/g) ?? [];
}

/** Reads the blank line, the comment or the entry that starts at this natural line. */
export function readLogicalLine(
  lines: readonly string[],
  at: number,
): { readonly raw: string; readonly lineCount: number; readonly entry: LogicalEntry | null } {
  const first = lines[at] ?? '';
  if (/^[\ufeff \t\f]*(?:[#!]|[\r\n]|$)/.test(first)) return { raw: first, lineCount: 1, entry: null };
  let raw = first;
  let lineCount = 1;
  while (endsInContinuation(raw)) {
    const next = lines[at + lineCount];
    if (next === undefined) break;
    raw += next;
    lineCount += 1;
    // A blank continuation line ends the entry, even after a backslash.
    if (/^[ \t\f]*[\r\n]*$/.test(next)) break;
  }
  return { raw, lineCount, entry: readEntry(raw) };
}

/** Returns true if an odd number of backslashes is at the end, before a line end or not. */
export function endsInContinuation(raw: string): boolean {
  const backslashes = /(\\+)(?:\r\n|\r|\n)?$/.exec(raw)?.[1] ?? '';
  return backslashes.length % 2 === 1;
}

interface Unit {
  readonly text: string;
  /** Offset of its end in the raw text. */
  readonly end: number;
  readonly escaped: boolean;
}

function readEntry(raw: string): LogicalEntry {
  const problems: string[] = [];
  const units = readUnits(raw, problems);
  const is = (at: number, pattern: RegExp): boolean => {
    const unit = units[at];
    return unit !== undefined && !unit.escaped && pattern.test(unit.text);
  };
  const white = /[ \t\f]/;
  let at = 0;
  while (is(at, /[\ufeff \t\f]/)) at++;
  const keyStart = at;
  while (at < units.length && !is(at, /[=: \t\f]/)) at++;
  const keyEnd = at;
  while (is(at, white)) at++;
  if (is(at, /[=:]/)) {
    at++;
    while (is(at, white)) at++;
  }
  const join = (from: number, to?: number): string =>
    units
      .slice(from, to)
      .map((unit) => unit.text)
      .join('');
  const key = join(keyStart, keyEnd);
  if (key === '') problems.push('the name before the value is missing');
  return {
    key,
    value: join(at),
    head: raw.slice(0, units[at - 1]?.end ?? 0),
    problem: problems.length === 0 ? null : problems.join('; '),
  };
}

/** The content: escapes decoded, continuations and the final line end removed. */
function readUnits(raw: string, problems: string[]): readonly Unit[] {
  const units: Unit[] = [];
  for (let at = 0; at < raw.length; ) {
    const rest = raw.slice(at);
    const continuation = /^\\(?:(?:\r\n|\r|\n)[ \t\f]*|$)/.exec(rest);
    if (continuation !== null) {
      at += continuation[0].length;
      continue;
    }
    if (/^[\r\n]/.test(rest)) break;
    if (rest.startsWith('\\')) {
      const decoded = decodeEscape(rest);
      at += decoded.length;
      if (decoded.problem !== null) problems.push(decoded.problem);
      units.push({ text: decoded.text, end: at, escaped: true });
      continue;
    }
    at += 1;
    units.push({ text: rest.charAt(0), end: at, escaped: false });
  }
  return units;
}
