import { Readable } from 'node:stream';
import { Fault } from '../model/fault.js';

/**
 * The bytes of an answer, chunk by chunk as they come. Throws `unavailable` when the connection ends early or breaks,
 * `cancelled` when the signal aborts. Leaving the loop ends the connection.
 */
export async function* bodyBytes(
  body: unknown,
  expectedBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const stream = readable(body);
  let received = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      received += chunk.byteLength;
      yield chunk;
    }
  } catch (error) {
    if (signal.aborted) throw new Fault('cancelled', 'the request was cancelled', { cause: error });
    if (error instanceof Fault) throw error;
    throw new Fault('unavailable', `the connection to S3 broke after ${received} of ${expectedBytes} bytes`, {
      cause: error,
    });
  } finally {
    stream.destroy();
  }
  if (received !== expectedBytes) {
    throw new Fault('unavailable', `S3 sent ${received} bytes instead of ${expectedBytes}`);
  }
}

/** Ends the connection of a body that nobody will read. */
export function discardBody(body: unknown): void {
  readable(body).destroy();
}

function readable(body: unknown): Readable {
  if (body instanceof Readable) return body;
  throw new Fault('bug', 'the transport gave no readable body');
}
