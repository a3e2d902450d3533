import type { ReadAccess } from '../../model/encryption.js';
import type { ByteRange, ObjectRef, ReadCondition } from '../../model/object-store.js';
import { keyHeaders } from '../encryption-headers.js';
import type { ExchangeOptions, HttpResponse } from '../http/exchange.js';
import type { DirectRequests } from './direct-requests.js';
import { directText, type TextResponse } from './direct-text.js';

/** Input of GetObject and HeadObject. */
export interface DirectRead extends ReadCondition {
  readonly ref: ObjectRef;
  readonly access: ReadAccess;
  /** Requests the object's checksum. */
  readonly withChecksum: boolean;
}

/** Sends GetObject; the body of the answer is a SlabReadable. Throws as `DirectRequests.send`. */
export function directGet(
  direct: DirectRequests,
  read: DirectRead & { readonly range: ByteRange | null },
  options: ExchangeOptions,
): Promise<HttpResponse> {
  const { range } = read;
  const headers = { ...readHeaders(read) };
  if (range !== null) headers['range'] = `bytes=${range.start}-${range.end - 1}`;
  return direct.send({ method: 'GET', ...target(read), headers }, { ...options, intoSlabs: true });
}

/** Sends HeadObject and returns the response headers. Throws as `directText`. */
export async function directHead(
  direct: DirectRequests,
  read: DirectRead,
  options: ExchangeOptions,
): Promise<TextResponse['headers']> {
  // The connection is only free for the next request when the body, empty as it is, has been read.
  const request = { method: 'HEAD', ...target(read), headers: readHeaders(read) } as const;
  return (await directText(direct, request, options)).headers;
}

function target({ ref, versionId }: DirectRead): ObjectRef & { readonly query?: Record<string, string> } {
  return versionId === undefined ? ref : { ...ref, query: { versionId } };
}

function readHeaders({ access, withChecksum, ifMatch }: DirectRead): Record<string, string> {
  return {
    ...keyHeaders(access),
    ...(withChecksum ? { 'x-amz-checksum-mode': 'ENABLED' } : {}),
    ...(ifMatch === undefined ? {} : { 'if-match': ifMatch }),
  };
}
