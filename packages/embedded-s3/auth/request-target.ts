import { invalidUri } from './refusals.js';

/**
 * The target of a request in bytes: each character of these strings is one byte, as in Node's URLs.
 * A key is signed as it is, in UTF-8 or not.
 */
export interface RequestTarget {
  /** As received, percent-encoded. */
  readonly path: string;
  /** Decoded, in the received order. */
  readonly parameters: readonly QueryParameter[];
}

export interface QueryParameter {
  readonly name: string;
  readonly value: string;
}

/**
 * Parses `IncomingMessage.url`.
 *
 * @throws S3AuthError InvalidURI if a percent sign is not followed by two hexadecimal digits
 */
export function parseTarget(url: string): RequestTarget {
  // RFC 9112 section 3.2.2: a client may send the absolute form, which proxies use.
  const origin = /^https?:\/\/[^/?]*/i.exec(url)?.[0] ?? '';
  const target = url.slice(origin.length);
  const question = target.indexOf('?');
  const path = question < 0 ? target : target.slice(0, question);
  percentDecode(path);
  const parameters: QueryParameter[] = [];
  if (question >= 0) {
    for (const segment of target.slice(question + 1).split('&')) {
      if (segment !== '') parameters.push(parseParameter(segment));
    }
  }
  return { path: path === '' ? '/' : path, parameters };
}

function parseParameter(segment: string): QueryParameter {
  const equals = segment.indexOf('=');
  const name = equals < 0 ? segment : segment.slice(0, equals);
  const value = equals < 0 ? '' : segment.slice(equals + 1);
  // In a query, unlike in a path, S3 reads a plus sign as a space.
  return { name: percentDecode(name.replaceAll('+', ' ')), value: percentDecode(value.replaceAll('+', ' ')) };
}

/**
 * Returns the path as SigV4 for S3 signs it: decoded and encoded once, whatever the client had
 * encoded. Slashes stay, and nothing is normalised ("Do not normalize URI paths for requests to
 * Amazon S3", sig-v4-header-based-auth).
 */
export function canonicalPath(path: string): string {
  return percentDecode(path).replace(/[^A-Za-z0-9\-._~/]/g, percentEncode);
}

/**
 * Returns the query as SigV4 signs it: encoded, sorted by name and then by value, each name with an
 * equals sign.
 */
export function canonicalQuery(parameters: readonly QueryParameter[]): string {
  return parameters
    .map(({ name, value }) => [encodeParameter(name), encodeParameter(value)] as const)
    .sort(([a, x], [b, y]) => order(a, b) || order(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function encodeParameter(text: string): string {
  return text.replace(/[^A-Za-z0-9\-._~]/g, percentEncode);
}

function percentEncode(byte: string): string {
  return `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

function percentDecode(text: string): string {
  if (!text.includes('%')) return text;
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) throw invalidUri();
  return text.replace(/%(..)/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}
