const named: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

/**
 * Decodes the escape at the start of `text`. A malformed `\u` is decoded as its letters and
 * reported as a problem.
 */
export function decodeEscape(text: string): {
  readonly text: string;
  readonly length: number;
  readonly problem: string | null;
} {
  const letter = text.charAt(1);
  if (letter === 'u') {
    const digits = /^\\u([0-9A-Fa-f]{4})/.exec(text)?.[1];
    if (digits === undefined) {
      return { text: 'u', length: 2, problem: 'a \\u escape needs four hexadecimal digits' };
    }
    return { text: String.fromCharCode(Number.parseInt(digits, 16)), length: 6, problem: null };
  }
  return { text: named[letter] ?? letter, length: 1 + letter.length, problem: null };
}

/** Returns a key as it is written before `=`. */
export function escapeKey(key: string): string {
  return escapeText(key).replace(/[ =:]/g, '\\$&').replace(/^[#!]/, '\\$&');
}

/** Returns a value as it is written after `=`. Only a leading blank needs an escape. */
export function escapeValue(value: string): string {
  return escapeText(value).replace(/^ /, '\\ ');
}

function escapeText(text: string): string {
  return text.replace(
    // Half a surrogate pair has no UTF-8 form. A byte order mark at the start would be taken for white space.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters
    /[\u0000-\u001f\u007f\ufeff\\]|\p{Surrogate}/gu,
    (character) => {
      switch (character) {
        case '\\':
          return '\\\\';
        case '\t':
          return '\\t';
        case '\n':
          return '\\n';
        case '\r':
          return '\\r';
        case '\f':
          return '\\f';
        default:
          return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
      }
    },
  );
}
