const named: Readonly<Record<string, string>> = { t: '\t', n: '\n', r: '\r', f: '\f' };

/** Decodes the escape that `text` begins with. A malformed `\u` stands for its letters, and is a problem. */
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

/** A key as it is written before `=`. */
export function escapeKey(key: string): string {
  return escapeText(key).replace(/[ =:]/g, '\\$&').replace(/^[#!]/, '\\$&');
}

/** A value as it is written after `=`: only a leading blank needs protection. */
export function escapeValue(value: string): string {
  return escapeText(value).replace(/^ /, '\\ ');
}

function escapeText(text: string): string {
  return text.replace(
    // Half a surrogate pair has no UTF-8 form, and a byte order mark is taken for white space at the beginning.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is escaped
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
