/**
 * A name as `encoding-type=url` has it: percent signs, and `+` for a space at AWS. Names that are no UTF-8 (some servers let
 * them in) come out with U+FFFD instead of failing the whole page.
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
