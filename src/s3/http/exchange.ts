/** A request as the SDK hands it over, signed. */
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

export interface Answer {
  readonly statusCode: number;
  readonly reason?: string;
  readonly headers: Record<string, string>;
  readonly body: unknown;
}

/** What one request says beside itself. */
export interface ExchangeOptions {
  readonly abortSignal?: AbortSignal;
  /** Overrides the transport's own. */
  readonly idleTimeoutMs?: number;
  /** Reads an object's bytes over the connections that are made for it; the answer's body is then a SlabReadable. */
  readonly intoSlabs?: boolean;
}

export interface TransportOptions {
  readonly ca: readonly string[] | null;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly maxSockets: number;
}

/** The request target: path and query as they were signed. */
export function pathOf(request: SignedRequest): string {
  const pairs: string[] = [];
  for (const name of Object.keys(request.query ?? {}).sort()) {
    const value = request.query?.[name];
    for (const one of Array.isArray(value) ? value : [value]) {
      pairs.push(typeof one === 'string' ? `${escapeQuery(name)}=${escapeQuery(one)}` : escapeQuery(name));
    }
  }
  return pairs.length === 0 ? request.path : `${request.path}?${pairs.join('&')}`;
}

/** As the signature has it: everything but the unreserved characters of RFC 3986. */
function escapeQuery(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
