import { Fault } from '../../model/fault.js';
import type { ExchangeOptions } from '../http/exchange.js';
import { readText } from '../http/read-text.js';
import type { DirectRequest, DirectRequests } from './direct-requests.js';

/** More than the answers that are read with it: ten tags, or the grants of an ACL. */
const maxAnswerBytes = 256 * 1024;

/** A 2xx answer with its whole body. */
export interface TextResponse {
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/**
 * Sends a request whose answer is small, or has no body. Throws as `DirectRequests.send`, and `unavailable`
 * when the answer is interrupted or longer than `maxBytes`.
 */
export async function directText(
  direct: DirectRequests,
  request: DirectRequest,
  options: ExchangeOptions,
  maxBytes = maxAnswerBytes,
): Promise<TextResponse> {
  const { headers, body } = await direct.send(request, options);
  const text = await readText(body, maxBytes, options.abortSignal);
  if (text === null) {
    throw new Fault(
      'unavailable',
      `the answer of S3 for bucket "${request.bucket}" was interrupted or too long`,
    );
  }
  return { headers, text };
}
