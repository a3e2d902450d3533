import type { Clock } from '../../model/call.js';
import type { ProxyRules } from '../../network/proxy-rules.js';

/** A signed request, as the SDK hands it over. */
export interface SignedRequest {
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly method: string;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** A response whose head has arrived. */
export interface HttpResponse {
  readonly statusCode: number;
  readonly reason?: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

/** Options of one request. */
export interface ExchangeOptions {
  readonly abortSignal?: AbortSignal;
  /** Overrides the transport's own. */
  readonly idleTimeoutMs?: number;
  /** Uses the connections for object bytes; the body of a successful response is then a SlabReadable. */
  readonly intoSlabs?: boolean;
  /**
   * Uses the connections for small requests: the request has no body, or one in memory of at most `maxSmallBytes`, and
   * the response is small.
   */
  readonly isSmall?: boolean;
}

/** The maximum length of a body that is sent at once, together with its head. */
export const maxSmallBytes = 64 * 1024;

export interface TransportOptions {
  /** Times the limit of `SendRate`; without a clock, requests are never delayed. */
  readonly clock?: Clock;
  readonly ca: readonly string[] | null;
  /** None by default. */
  readonly proxies?: ProxyRules;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxSockets: number;
}

/** Returns the request target: path and query as they were signed. */
export function pathOf(request: SignedRequest): string {
  const pairs: string[] = [];
  for (const name of Object.keys(request.query ?? {}).sort()) {
    const value = request.query?.[name];
    for (const one of Array.isArray(value) ? value : [value]) {
      pairs.push(
        typeof one === 'string' ? `${encodeRfc3986(name)}=${encodeRfc3986(one)}` : encodeRfc3986(name),
      );
    }
  }
  return pairs.length === 0 ? request.path : `${request.path}?${pairs.join('&')}`;
}

/** Percent-encodes everything but the unreserved characters of RFC 3986, as signatures do. */
export function encodeRfc3986(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
