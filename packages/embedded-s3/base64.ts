/**
 * Decodes standard base64 with its padding (RFC 4648 section 4). Returns null for anything else, such
 * as the URL-safe alphabet, which Node's decoder would accept.
 */
export function decodeBase64(text: string): Buffer | null {
  const isBase64 = text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
  return isBase64 ? Buffer.from(text, 'base64') : null;
}
