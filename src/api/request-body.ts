import type { IncomingMessage } from 'node:http';
import { Fault } from '../model/fault.js';

/**
 * Reads the whole body. Throws `too-large` above the limit in bytes, and the stream's error if the client
 * disconnects.
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = new Fault('too-large', `a message may have up to ${maxBytes} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw tooLarge;
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop must not destroy the request, because the answer uses the same connection.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    const bytes: Buffer = chunk;
    size += bytes.byteLength;
    if (size > maxBytes) throw tooLarge;
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

/**
 * Reads and discards the rest of a body, up to the limit in bytes. Closing a connection with unread bytes
 * would reset it before the client sees the answer.
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
    // The client has disconnected and gets no answer.
  }
}
