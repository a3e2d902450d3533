/**
 * Decodes a name of a listing with `encoding-type=url`: percent signs, and AWS's `+` for a space. Bytes that
 * are not UTF-8, which some servers accept, become U+FFFD instead of failing the whole page.
 */
export function decodeListed(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', '%20') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    const bytes = spaced.replace(/%([0-9A-Fa-f]{2})|[^%]+|%/g, (piece, hex: string | undefined) =>
      hex === undefined
        ? Buffer.from(piece, 'utf8').toString('latin1')
        : String.fromCharCode(Number.parseInt(hex, 16)),
    );
    return Buffer.from(bytes, 'latin1').toString('utf8');
  }
}
