const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Returns a size such as `1.4 MiB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${units[unit]}`;
}

/** Returns a duration such as `2 min`, rounded up. */
export function formatSeconds(seconds: number): string {
  if (seconds < 60) return `${Math.max(1, Math.ceil(seconds))} s`;
  if (seconds < 3600) return `${Math.ceil(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.ceil((seconds % 3600) / 60)} min`;
}

const timeFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });

/** Returns a time in the language of the browser; empty for 0, which directories of S3 have. */
export function formatTime(seconds: number): string {
  return seconds === 0 ? '' : timeFormat.format(seconds * 1000);
}

const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });

/** Returns the day of a time, for narrow screens; empty for 0. */
export function formatDay(seconds: number): string {
  return seconds === 0 ? '' : dayFormat.format(seconds * 1000);
}

/** A piece of a name: text, or a character that would be invisible or change how the rest is read. */
export interface NamePiece {
  readonly text: string;
  readonly isStrange: boolean;
}

/** Control and format characters, line separators, and characters that browsers do not know. */
const strange = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}\p{Cs}]/u;

/** Splits a name, so that a character such as a change of direction appears as its code, `U+202E`. */
export function namePieces(name: string): readonly NamePiece[] {
  const pieces: NamePiece[] = [];
  let plain = '';
  for (const character of name) {
    if (!strange.test(character)) {
      plain += character;
      continue;
    }
    if (plain !== '') pieces.push({ text: plain, isStrange: false });
    plain = '';
    const code = character.codePointAt(0) ?? 0;
    pieces.push({ text: `U+${code.toString(16).toUpperCase().padStart(4, '0')}`, isStrange: true });
  }
  if (plain !== '') pieces.push({ text: plain, isStrange: false });
  return pieces;
}

/** Returns a name as plain text, with codes in place of strange characters. */
export function plainName(name: string): string {
  return namePieces(name)
    .map(({ text, isStrange }) => (isStrange ? `[${text}]` : text))
    .join('');
}

/** Returns the last segment of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Returns the path of a name in a directory. */
export function joined(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

/** Returns the reason why a name cannot be given to a file; null if it can. */
export function nameProblem(name: string): string | null {
  if (name === '') return 'Type a name.';
  if (name === '.' || name === '..' || name.includes('/')) return 'A name cannot be . or .. or contain /.';
  if (new TextEncoder().encode(name).length > 255) return 'The name is longer than 255 bytes.';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters
  return /[\u0000-\u001f\u007f]/.test(name) ? 'The name has a control character.' : null;
}
