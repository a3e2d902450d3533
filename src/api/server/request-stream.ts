import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { Transform } from 'node:stream';
import { Refusal } from '../refusal.js';
import { readBody } from '../request-body.js';

/** Reads a JSON body within the bounds in bytes and milliseconds. Throws `invalid`, `too-large` and a timeout (408). */
export async function readJson(
  request: IncomingMessage,
  maxBytes: number,
  timeoutMs: number,
): Promise<unknown> {
  let timer: NodeJS.Timeout | undefined;
  const slow = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(tooSlow(timeoutMs)), timeoutMs);
  });
  try {
    const bytes = await Promise.race([readBody(request, maxBytes), slow]);
    return bytes.byteLength === 0 ? undefined : parseJson(bytes);
  } finally {
    clearTimeout(timer);
  }
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new Refusal('invalid', 'the body is not JSON in UTF-8', {
      fields: [{ in: 'body', pointer: '', detail: 'is not JSON in UTF-8' }],
    });
  } finally {
    // An imported key is in it.
    bytes.fill(0);
  }
}

function tooSlow(timeoutMs: number): Refusal {
  return new Refusal('timed-out', `the body did not arrive within ${timeoutMs} ms`, { status: 408 });
}

/** Returns the body as a stream that fails if no piece arrives for `idleMs` while its reader waits for one. */
export function idleBound(body: Readable, idleMs: number): Readable {
  let timer: NodeJS.Timeout | undefined;
  const bounded = new Transform({
    transform(piece: Buffer, _encoding, done) {
      timer?.refresh();
      done(null, piece);
    },
    destroy(error, done) {
      clearTimeout(timer);
      done(error);
    },
  });
  timer = setTimeout(() => {
    // A full buffer means that the reader is slow, not the client.
    if (bounded.readableLength > 0) timer?.refresh();
    else bounded.destroy(tooSlow(idleMs));
  }, idleMs);
  // The client may leave before the operation reads. Its reader gets the same error later.
  bounded.on('error', () => undefined);
  body.on('error', (error) => bounded.destroy(error));
  // Without this an upload that its client interrupts would look complete.
  body.on('aborted', () =>
    bounded.destroy(new Refusal('cancelled', 'the client disconnected during the body')),
  );
  body.pipe(bounded);
  bounded.on('close', () => {
    clearTimeout(timer);
    body.unpipe(bounded);
  });
  return bounded;
}
