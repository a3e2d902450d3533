import { CustomerKey, customerKeyBytes } from '../model/customer-key.js';

/** What a raw key file holds: a key, or the reason why not. */
export type KeyFileContent =
  | { readonly kind: 'key'; readonly key: CustomerKey }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Longest content that is looked at: enough to recognise what people put there by mistake. */
export const maxKeyFileBytes = 4096;

/** Reads the content of a raw key file. The reason names what to do and never holds a byte of the content. */
export function readKeyFileContent(bytes: Uint8Array): KeyFileContent {
  if (bytes.byteLength === customerKeyBytes) return { kind: 'key', key: CustomerKey.fromBytes(bytes) };
  return { kind: 'invalid', reason: reasonAgainst(bytes) };
}

function reasonAgainst(bytes: Uint8Array): string {
  const wanted = `a key file holds the ${customerKeyBytes} raw bytes of an AES-256 key`;
  if (bytes.byteLength === 0) return `it is empty; ${wanted}`;
  const text = Buffer.from(bytes).toString('latin1').trim();
  if (/^[0-9A-Fa-f]{64}$/.test(text)) {
    return `this file holds hexadecimal text; decode it: xxd -r -p (${wanted})`;
  }
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) {
    return `this file holds base64 text; decode it: base64 -d (${wanted})`;
  }
  if (text.startsWith('-----BEGIN '))
    return `this file holds a PEM block (a certificate or another kind of key); ${wanted}`;
  if (bytes.byteLength > maxKeyFileBytes) return `it has more than ${maxKeyFileBytes} bytes; ${wanted}`;
  const newline = bytes.byteLength === customerKeyBytes + 1 && bytes.at(-1) === 0x0a;
  const why = newline ? ', the last a line feed that does not belong there' : '';
  return `it has ${bytes.byteLength} ${bytes.byteLength === 1 ? 'byte' : 'bytes'}${why}; ${wanted}`;
}
