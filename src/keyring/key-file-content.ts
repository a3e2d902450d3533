import { CustomerKey, customerKeyBytes } from '../model/customer-key.js';

/** The content of a raw key file: a key, or the reason why it is not one. */
export type KeyFileContent =
  | { readonly kind: 'key'; readonly key: CustomerKey }
  | { readonly kind: 'invalid'; readonly reason: string };

/** Maximum content that is read, in bytes: enough to recognise other formats of a key. */
export const maxKeyFileBytes = 4096;

/** Reads the content of a raw key file. The reason suggests what to do and never reveals the content. */
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
  const why = newline ? ', the last one an unwanted line feed' : '';
  return `it has ${bytes.byteLength} ${bytes.byteLength === 1 ? 'byte' : 'bytes'}${why}; ${wanted}`;
}
