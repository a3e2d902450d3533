import { CustomerKey, customerKeyBytes } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';

/**
 * Parses an AES-256 key: exactly 32 raw bytes, or base64 or hexadecimal of 32 bytes, with white
 * space around it. Throws `invalid` with the reason and `where`, never with the content.
 */
export function parseKeyMaterial(content: Uint8Array, where: string): CustomerKey {
  const { byteLength } = content;
  if (byteLength === customerKeyBytes) return CustomerKey.fromBytes(content);
  const refuse = (reason: string) => new Fault('invalid', `${where}: ${reason}`);
  if (byteLength === 0) throw refuse('it is empty');
  const text = Buffer.from(content).toString('latin1');
  const trimmed = text.trim();
  if (trimmed === '') throw refuse('it holds only white space');
  if (/^[0-9A-Fa-f]+$/.test(trimmed) && trimmed.length === 2 * customerKeyBytes) {
    return CustomerKey.fromBytes(Buffer.from(trimmed, 'hex'));
  }
  const wanted = `an AES-256 key is ${customerKeyBytes} raw bytes, 44 characters of base64 or 64 hexadecimal digits`;
  if (byteLength === customerKeyBytes + 1 && content.at(-1) === 0x0a) {
    throw refuse(`it has 33 bytes, the last a line feed, which is not part of a raw key; ${wanted}`);
  }
  if (trimmed.startsWith('-----BEGIN ')) throw refuse(`it holds a PEM block; ${wanted}`);
  if (/^AGE-SECRET-KEY-|^age-encryption\.org\//m.test(trimmed)) {
    throw refuse(`it is an age file, not a key: decrypt it first (age -d); ${wanted}`);
  }
  if (!/^[\x20-\x7e\r\n\t]*$/.test(text))
    throw refuse(`it has ${byteLength} bytes that are not text; ${wanted}`);
  try {
    return CustomerKey.fromBase64(trimmed);
  } catch (thrown) {
    throw refuse(`${Fault.from(thrown).hint}; ${wanted}`);
  }
}
