/**
 * S3 orders keys by their UTF-8 bytes, which is the order of their code points. A prefix, or the
 * keys after a position, form a half-open range in that order.
 */

/** Returns the smallest key after this one. */
export function justAfter(key: string): string {
  return `${key}\0`;
}

/**
 * Returns the smallest key after every key with this prefix; null if there is none (the empty
 * prefix, or only U+10FFFF).
 */
export function afterPrefix(prefix: string): string | null {
  const points = [...prefix];
  while (points.length > 0) {
    const last = points.pop()?.codePointAt(0) ?? 0;
    if (last === 0x10ffff) continue;
    // The surrogates between U+D7FF and U+E000 are not characters.
    const next = last === 0xd7ff ? 0xe000 : last + 1;
    return points.join('') + String.fromCodePoint(next);
  }
  return null;
}

/** Returns a negative number, zero or a positive number, like the argument of `sort`. */
export function compareKeys(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right));
}
