import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { drainRequest } from '../request-body.js';

/** Bounds for reading the rest of a refused body. */
export interface DrainBounds {
  readonly maxDrainBytes: number;
  readonly maxDrainMs: number;
}

const defaultBounds: DrainBounds = { maxDrainBytes: 4 * 1024 * 1024, maxDrainMs: 500 };

/**
 * Discards the rest of a body, up to bounds in bytes and time. Closing a connection with unread bytes would reset it
 * before the client sees the answer.
 */
export async function drainBriefly(
  { raw, body }: Pick<FastifyRequest, 'raw' | 'body'>,
  { maxDrainBytes, maxDrainMs }: DrainBounds = defaultBounds,
): Promise<void> {
  // It would take the bytes too, and stop when it is full.
  if (body instanceof Readable) body.destroy();
  let timer: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, maxDrainMs);
  });
  await Promise.race([drainRequest(raw, maxDrainBytes), enough]);
  clearTimeout(timer);
}

/** Ends the streams of bodies that no operation has read, with their timers, once the answer is sent. */
export function discardUnreadBodies(server: FastifyInstance): void {
  server.addHook('onResponse', async ({ body }) => {
    if (body instanceof Readable) body.destroy();
  });
}
