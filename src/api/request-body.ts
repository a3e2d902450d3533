import type { IncomingMessage } from 'node:http';
import { Fault } from '../model/fault.js';

/** The whole body. Throws `too-large` past the limit, having read that much, and the stream's error when the client goes away. */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = new Fault('too-large', `a message has at most ${maxBytes} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge;
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop must not destroy the request: the answer goes over the same connection.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    const bytes: Buffer = chunk;
    size += bytes.byteLength;
    if (size > maxBytes) throw tooLarge;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/**
 * Reads what is left of a body that nobody wants, up to the limit: a connection that is closed over unread bytes is reset, and
 * the client would not see why.
 */
export async function drainRequest(request: IncomingMessage, maxBytes: number): Promise<void> {
  let size = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      const bytes: Buffer = chunk;
      size += bytes.byteLength;
      if (size > maxBytes) return;
    }
  } catch {
    // The client went away; the answer goes nowhere.
  }
}
