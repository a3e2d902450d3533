import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { Fault } from '../../model/fault.js';
import type { Download, Lines } from '../description/operation.js';
import { problemOf } from '../problem.js';
import { maxWaitingBytes } from './bounds.js';

/**
 * Sends bytes as fast as the client takes them. A fault before the first byte is a problem document; a later one
 * breaks the connection, so that the client does not take a part for the whole.
 */
export async function sendDownload(
  reply: FastifyReply,
  { filename, send }: Download,
  idleMs: number,
): Promise<FastifyReply> {
  const response = reply.raw;
  try {
    await send(
      (bytes) => writeOrWait(response, bytes, idleMs),
      (size, headers) => {
        reply.hijack();
        response.writeHead(200, {
          ...(reply.getHeaders() as Record<string, string>),
          ...headers,
          'content-type': 'application/octet-stream',
          'content-disposition': attachment(filename),
          'content-security-policy': "default-src 'none'; sandbox",
          'content-length': String(size),
        });
      },
    );
    response.end();
  } catch (error) {
    if (!response.headersSent) throw error;
    response.destroy();
  }
  return reply;
}

/** Writes a copy, because the caller reuses its buffer. Throws `cancelled` for a client that left or reads nothing. */
async function writeOrWait(response: ServerResponse, bytes: Uint8Array, idleMs: number): Promise<void> {
  if (response.destroyed) throw new Fault('cancelled', 'the client disconnected');
  if (!response.write(Buffer.from(bytes))) await drained(response, idleMs);
}

/** Resolves when the client has taken what waits. Throws `cancelled` for a client that left or reads nothing. */
async function drained(response: ServerResponse, idleMs: number): Promise<void> {
  const waiting = new AbortController();
  const closed = () => waiting.abort();
  const timer = setTimeout(closed, idleMs);
  response.once('close', closed);
  try {
    await once(response, 'drain', { signal: waiting.signal });
  } catch {
    throw new Fault('cancelled', 'the client does not read the answer');
  } finally {
    clearTimeout(timer);
    response.off('close', closed);
  }
}

/** Control characters, line separators, and those that change the direction in which the rest is shown. */
const misleading = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/**
 * Returns a header that makes browsers save the file under its name (RFC 6266, RFC 8187). Characters that could make
 * the name appear as another one are replaced by `_`.
 */
export function attachment(name: string): string {
  const filename = name.replace(misleading, '_');
  const ascii = filename.replace(/[^\w. -]/g, '_').slice(0, 100) || 'download';
  const encoded = encodeURIComponent(filename.toWellFormed()).replace(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}

/** Sends JSON lines. A failure after the first line is a last line `{"kind":"failed",...}`. */
export async function sendLines(
  reply: FastifyReply,
  lines: Lines<unknown>,
  requestId: string,
  idleMs: number,
): Promise<FastifyReply> {
  const response = reply.raw;
  const begin = () => {
    if (response.headersSent) return;
    reply.hijack();
    const headers = reply.getHeaders() as Record<string, string>;
    response.writeHead(200, { ...headers, 'content-type': 'application/x-ndjson' });
  };
  try {
    await lines.send(
      (line, required) => {
        begin();
        if (!required && response.writableLength > maxWaitingBytes) return;
        if (!response.destroyed) response.write(`${JSON.stringify(line)}\n`);
      },
      async () => {
        if (response.destroyed) throw new Fault('cancelled', 'the client disconnected');
        if (response.writableLength > maxWaitingBytes) await drained(response, idleMs);
      },
    );
    begin();
    response.end();
  } catch (error) {
    if (!response.headersSent) throw error;
    const { kind, detail } = problemOf(Fault.from(error), requestId);
    response.end(`${JSON.stringify({ kind: 'failed', fault: kind, detail })}\n`);
  }
  return reply;
}
