import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ChunkDecoder, type ChunkFraming } from './chunk-decoder.js';
import { bodyTerminated, contentSha256Mismatch } from './refusals.js';

/**
 * The body's bytes as they come. Stopping early leaves the connection open, so that the refusal can be sent over it;
 * a connection that breaks is a refusal too.
 */
async function* received(request: IncomingMessage): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* request.iterator({ destroyOnReturn: false });
  } catch (error) {
    throw bodyTerminated(error);
  }
}

/** The body as it is, for a payload that nobody signed. */
export function plainBody(request: IncomingMessage): AsyncIterable<Uint8Array> {
  return received(request);
}

/** The body as it is; where it would end, its SHA-256 is compared with the signed one (hexadecimal, lower case). */
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

/** The body without its `aws-chunked` framing; `onTrailers` hears of the verified trailers just before it ends. */
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
 * A body that says so when it is read a second time. Without this the second reading would end at once, like a body of
 * no bytes whose signature is right.
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
