import { Readable } from 'node:stream';
import { abortError } from '../errors/network-errors.js';
import { SlabReadable } from './get-pool.js';

/**
 * Reads a response body as UTF-8. Returns null when the connection breaks before its end, or when it exceeds
 * `maxBytes`; the connection is then closed. Throws an AbortError when the signal aborts.
 */
export async function readText(
  body: unknown,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  if (body instanceof Uint8Array) return Buffer.from(body).toString('utf8');
  const pieces = body instanceof SlabReadable ? body.slabs : body instanceof Readable ? body : null;
  const bytes = pieces === null ? null : await collect(pieces, maxBytes);
  if (signal?.aborted) throw abortError(signal);
  return bytes === null ? null : bytes.toString('utf8');
}

async function collect(pieces: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer | null> {
  const collected: Uint8Array[] = [];
  let byteLength = 0;
  try {
    // Leaving the loop ends the connection.
    for await (const piece of pieces) {
      byteLength += piece.byteLength;
      if (byteLength > maxBytes) return null;
      collected.push(piece);
    }
  } catch {
    return null;
  }
  return Buffer.concat(collected, byteLength);
}
