import { Fault } from '../../model/fault.js';
import type { ListPage, ListRequest } from '../../model/object-store.js';
import { responseError } from '../errors/response-error.js';
import type { ExchangeOptions } from '../http/exchange.js';
import type { DirectRequests } from './direct-requests.js';
import { directText } from './direct-text.js';
import { parseAnyListPage } from './list-document.js';
import { parseListPage } from './list-page-xml.js';

/** A thousand keys of 1,024 bytes, every byte encoded as three. */
const maxPageBytes = 16 * 1024 * 1024;

/**
 * Sends ListObjectsV2. The SDK's parser takes longer for a page than S3 takes to answer; this one reads pages
 * in their usual form, and a general parser reads the others. Throws as `directText`, and `unavailable` for
 * an answer that is not a listing.
 */
export async function directList(
  direct: DirectRequests,
  wanted: ListRequest,
  options: ExchangeOptions,
): Promise<ListPage> {
  const query: Record<string, string> = {
    'list-type': '2',
    'encoding-type': 'url',
    prefix: wanted.prefix,
  };
  if (wanted.delimiter !== null) query['delimiter'] = wanted.delimiter;
  if (wanted.startAfter !== undefined) query['start-after'] = wanted.startAfter;
  if (wanted.continuation !== undefined) query['continuation-token'] = wanted.continuation;
  if (wanted.maxKeys !== undefined) query['max-keys'] = String(Math.min(wanted.maxKeys, 1000));
  const request = { method: 'GET', bucket: wanted.bucket, key: '', query } as const;
  const { text, headers } = await directText(direct, request, options, maxPageBytes);
  const page = parseListPage(text) ?? parseAnyListPage(text);
  if (page !== null) return page;
  if (text.includes('<Error>')) throw responseError(500, headers, text);
  throw new Fault(
    'unavailable',
    `S3 answered for bucket "${wanted.bucket}" with something other than a listing`,
  );
}
