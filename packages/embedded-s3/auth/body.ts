import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ChunkDecoder, type ChunkFraming } from './chunk-decoder.js';
import { bodyTerminated, contentSha256Mismatch } from './refusals.js';

/**
 * Yields the bytes of the body as they arrive. Stopping early leaves the connection open, so that a
 * refusal can be sent. Throws a refusal if the connection breaks.
 */
async function* received(request: IncomingMessage): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* request.iterator({ destroyOnReturn: false });
  } catch (error) {
    throw bodyTerminated(error);
  }
}

/** Yields the body unchanged, for an unsigned payload. */
export function plainBody(request: IncomingMessage): AsyncIterable<Uint8Array> {
  return received(request);
}

/**
 * Yields the body unchanged and compares its SHA-256 with the signed one (hexadecimal, lower case)
 * before its end.
 */
export async function* hashedBody(
  request: IncomingMessage,
  sha256: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256');
  for await (const piece of received(request)) {
    hash.update(piece);
    yield piece;
  }
  const computed = hash.digest('hex');
  if (computed !== sha256) throw contentSha256Mismatch(sha256, computed);
}

/**
 * Yields the body without its `aws-chunked` framing. Calls `onTrailers` with the verified trailers
 * just before its end.
 */
export async function* chunkedBody(
  request: IncomingMessage,
  framing: ChunkFraming,
  onTrailers: (trailers: ReadonlyMap<string, string>) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = new ChunkDecoder(framing);
  for await (const piece of received(request)) {
    for (const payload of decoder.feed(piece)) yield payload;
  }
  onTrailers(decoder.finish());
}

/**
 * Returns a body that throws when it is read a second time. Without this, the second reading would
 * end at once, like a body of no bytes with a correct signature.
 */
export function readOnce(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let taken = false;
  return {
    [Symbol.asyncIterator]() {
      if (taken) throw new Error('the body of a request can be read only once');
      taken = true;
      return body[Symbol.asyncIterator]();
    },
  };
}
