import type { IncomingMessage, ServerResponse } from 'node:http';
import type { S3Error } from '../errors.js';
import { xmlError } from '../xml.js';
import type { Answer, AnswerHeaders } from './answer.js';

/**
 * Max bytes to read of a body that is not used, so that a client that still sends it receives the
 * answer and not a reset.
 */
const drainBytes = 64 * 1024 ** 2;
const drainMs = 10_000;

function setHeaders(response: ServerResponse, headers: AnswerHeaders): void {
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) response.setHeader(name, value);
  }
}

/**
 * Sends an answer. A stream that fails midway closes the connection, so that the client detects the
 * incomplete body.
 */
export async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
): Promise<void> {
  const { body } = answer;
  try {
    response.statusCode = answer.status;
    setHeaders(response, answer.headers);
    if (body.kind === 'xml') {
      response.setHeader('content-type', 'application/xml');
      response.setHeader('content-length', Buffer.byteLength(body.text));
      response.end(request.method === 'HEAD' ? undefined : body.text);
    } else if (body.kind === 'none') {
      if (request.method !== 'HEAD' && answer.status !== 204) response.setHeader('content-length', 0);
      response.end();
    } else {
      response.setHeader('content-length', body.length);
      await sendStream(response, body.bytes);
    }
  } finally {
    if (body.kind === 'stream') body.release();
  }
}

async function sendStream(response: ServerResponse, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const chunk of bytes) {
      if (!response.write(chunk)) await drained(response);
      if (response.destroyed) return;
    }
    response.end();
  } catch (error) {
    response.destroy();
    throw error;
  }
}

/** Resolves when the response accepts more, or is closed. */
async function drained(response: ServerResponse): Promise<void> {
  if (response.destroyed || !response.writableNeedDrain) return;
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      response.off('drain', settle);
      response.off('close', settle);
      resolve();
    };
    response.on('drain', settle);
    response.on('close', settle);
  });
}

/**
 * Sends an error document. Reads on a body that is still being sent, within a limit, so that the
 * client receives the answer; then closes the connection. `isBodyComing` is false for a client that
 * was never asked to continue.
 */
export async function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  error: S3Error,
  ids: { readonly requestId: string; readonly hostId: string; readonly resource: string },
  isBodyComing: boolean,
): Promise<void> {
  const text = xmlError([
    ['Code', error.code],
    ['Message', error.message],
    ...Object.entries(error.details),
    ['Resource', ids.resource],
    ['RequestId', ids.requestId],
    ['HostId', ids.hostId],
  ]);
  response.statusCode = error.status;
  setHeaders(response, error.headers);
  const isUnfinished = !request.complete;
  if (isUnfinished || error.status === 500) response.setHeader('connection', 'close');
  const hasBody = request.method !== 'HEAD' && error.status !== 304;
  if (hasBody) {
    response.setHeader('content-type', 'application/xml');
    response.setHeader('content-length', Buffer.byteLength(text));
    response.write(text);
  } else {
    response.flushHeaders();
  }
  // The answer has been sent. Only closing the connection waits for the client to stop sending.
  if (isUnfinished && isBodyComing) await drain(request);
  response.end();
}

/** Reads and discards what the client still sends, up to a limit. */
async function drain(request: IncomingMessage): Promise<void> {
  await new Promise<void>((resolve) => {
    let read = 0;
    const done = (): void => {
      clearTimeout(timer);
      request.off('data', count);
      request.off('end', done);
      request.off('close', done);
      resolve();
    };
    const count = (chunk: Buffer): void => {
      read += chunk.byteLength;
      if (read > drainBytes) done();
    };
    const timer = setTimeout(done, drainMs);
    if (request.destroyed || request.readableEnded) {
      done();
      return;
    }
    request.on('end', done);
    request.on('close', done);
    request.on('error', () => undefined);
    request.on('data', count);
    request.resume();
  });
}
