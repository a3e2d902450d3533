import type { ClientRequest } from 'node:http';
import type { MemoryBody, StreamedBody } from '../../model/object-store.js';

/**
 * Small chunks are passed to TLS in runs of about this size. Each run costs one encryption call and one
 * system call.
 */
const runBytes = 256 * 1024;

/**
 * Sends a request body: one of `ReplayableBody`, or text and bytes of the SDK. Stops when the response
 * arrives before the end of the body. Destroys the request with the body's fault when the body cannot be
 * read.
 */
export function sendBody(outgoing: ClientRequest, body: unknown): void {
  if (isInMemory(body)) sendChunks(outgoing, body.chunks);
  else if (isStreamed(body)) void sendStream(outgoing, body.stream());
  else if (typeof body === 'string' || body instanceof Uint8Array) outgoing.end(body);
  else outgoing.end();
}

/** Reports whether a body is a list of chunks. */
export function isInMemory(body: unknown): body is MemoryBody {
  return typeof body === 'object' && body !== null && 'chunks' in body && Array.isArray(body.chunks);
}

function isStreamed(body: unknown): body is StreamedBody {
  return typeof body === 'object' && body !== null && 'stream' in body && typeof body.stream === 'function';
}

/** Writes the chunks without copying them, and waits when the socket is full. */
function sendChunks(outgoing: ClientRequest, chunks: readonly Uint8Array[]): void {
  let next = 0;
  let answered = false;
  outgoing.once('response', () => {
    answered = true;
  });
  const go = () => {
    while (next < chunks.length) {
      if (answered || outgoing.destroyed) return;
      outgoing.cork();
      for (let corked = 0; corked < runBytes && next < chunks.length; next += 1) {
        const chunk = chunks[next];
        if (chunk === undefined) continue;
        outgoing.write(chunk);
        corked += chunk.byteLength;
      }
      outgoing.uncork();
      if (outgoing.writableNeedDrain) {
        outgoing.once('drain', go);
        return;
      }
    }
    outgoing.end();
  };
  go();
}

/** Reads a piece when the socket has room for it, so that memory use has a bound. */
async function sendStream(outgoing: ClientRequest, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  let over = false;
  let wake = () => {};
  const end = () => {
    over = true;
    wake();
  };
  outgoing.once('response', end);
  outgoing.once('close', end);
  outgoing.on('drain', () => wake());
  try {
    for await (const piece of pieces) {
      if (over || outgoing.destroyed) return;
      if (outgoing.write(piece)) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (over) return;
    }
    outgoing.end();
  } catch (error) {
    outgoing.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}
