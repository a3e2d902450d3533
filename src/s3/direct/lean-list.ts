import { Readable } from 'node:stream';
import type { Call } from '../../model/call.js';
import type { ListPage, ListRequest } from '../../model/object-store.js';
import type { LeanRequests } from './lean-requests.js';
import { parseListPage } from './list-page-xml.js';

/** A thousand keys of the longest kind, every byte of them written as three. */
const mostBytes = 16 * 1024 * 1024;

/** ListObjectsV2 without the SDK's layers, and without its parser, which needs longer than S3 to answer. Null when the SDK has to ask. */
export async function leanList(
  requests: LeanRequests,
  call: Call,
  wanted: ListRequest,
): Promise<ListPage | null> {
  const query: Record<string, string> = {
    'list-type': '2',
    'encoding-type': 'url',
    prefix: wanted.prefix,
  };
  if (wanted.delimiter !== null) query['delimiter'] = wanted.delimiter;
  if (wanted.startAfter !== undefined) query['start-after'] = wanted.startAfter;
  if (wanted.continuation !== undefined) query['continuation-token'] = wanted.continuation;
  if (wanted.maxKeys !== undefined) query['max-keys'] = String(Math.min(wanted.maxKeys, 1000));
  const answer = await requests.send(call, { bucket: wanted.bucket, key: '', query, intoSlabs: false });
  const text = answer === null ? null : await bodyText(answer.body);
  return text === null ? null : parseListPage(text);
}

/** Null when the connection breaks, or when it is more than any page has. */
function bodyText(body: unknown): Promise<string | null> {
  if (!(body instanceof Readable)) return Promise.resolve(null);
  return new Promise((resolve) => {
    const pieces: Uint8Array[] = [];
    let byteLength = 0;
    body.on('data', (piece: Uint8Array) => {
      pieces.push(piece);
      byteLength += piece.byteLength;
      if (byteLength > mostBytes) body.destroy();
    });
    body.once('end', () => resolve(Buffer.concat(pieces, byteLength).toString('utf8')));
    body.once('error', () => resolve(null));
    body.once('close', () => resolve(null));
  });
}
