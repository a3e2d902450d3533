import http from 'node:http';
import https from 'node:https';
import type { AttemptResult } from '../model/api/webhooks.js';
import { Fault } from '../model/fault.js';
import { createProxyAgents, type ProxyAgents } from '../network/proxy-agents.js';
import type { ProxyRules } from '../network/proxy-rules.js';
import { allowedLookup, parseTarget, type TargetRules } from './targets.js';

/** Max bytes of an answer that are read. Its content is neither stored nor logged. */
const maxAnswerBytes = 64 * 1024;
/** Max wait that an endpoint can ask for, in milliseconds. */
const maxRetryAfterMs = 3_600_000;
/** The endpoint is gone for good (RFC 9110 section 15.5.11). */
const gone = 410;

export interface SenderOptions {
  /** Certificates to trust, in PEM; null means those of the system. */
  readonly ca: readonly string[] | null;
  readonly proxies: ProxyRules;
  /** Such as `sftpgw/1.2.0`. */
  readonly userAgent: string;
}

/** The bounds of one attempt. */
export interface AttemptRules extends TargetRules {
  /** Max time from the resolution of the name to the end of the answer, in milliseconds. */
  readonly timeoutMs: number;
}

/** Sends messages to endpoints. Each one uses a new connection, so the rules hold for each one. */
export class WebhookSender implements Disposable {
  readonly #options: SenderOptions;
  readonly #agents: ProxyAgents;

  constructor(options: SenderOptions) {
    this.#options = options;
    const { ca, proxies } = options;
    // The timeout of the attempt bounds the tunnel too.
    this.#agents = createProxyAgents({ ca, proxies, connectTimeoutMs: 60_000, shared: { keepAlive: false } });
  }

  /** Sends a message once. Never throws, except for `cancelled` when `signal` aborts. */
  async send(
    target: string,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
    rules: AttemptRules,
    signal: AbortSignal,
  ): Promise<AttemptResult> {
    const timeout = AbortSignal.timeout(rules.timeoutMs);
    try {
      const url = parseTarget(target, rules);
      return resultOf(await this.#post(url, headers, body, rules, AbortSignal.any([signal, timeout])));
    } catch (error) {
      if (signal.aborted) throw new Fault('cancelled', 'the gateway stops', { cause: error });
      const text = timeout.aborted ? `no answer within ${rules.timeoutMs / 1000} s` : textOf(error);
      return { status: null, error: text, retryAfterMs: null, isFinal: false };
    }
  }

  [Symbol.dispose](): void {
    this.#agents.destroy();
  }

  #post(
    url: URL,
    headers: Readonly<Record<string, string>>,
    body: Uint8Array,
    rules: TargetRules,
    signal: AbortSignal,
  ): Promise<http.IncomingMessage> {
    const { promise, resolve, reject } = Promise.withResolvers<http.IncomingMessage>();
    const isSecure = url.protocol === 'https:';
    const request = (isSecure ? https : http).request(url, {
      method: 'POST',
      agent: isSecure ? this.#agents.https : this.#agents.http,
      lookup: allowedLookup(rules),
      headers: {
        ...headers,
        'content-type': 'application/json',
        'content-length': body.byteLength,
        'user-agent': this.#options.userAgent,
        connection: 'close',
      },
      signal,
    });
    request.on('error', reject);
    request.on('response', (answer) => {
      request.off('error', reject).on('error', () => undefined);
      let bytes = 0;
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.byteLength;
        if (bytes > maxAnswerBytes) answer.destroy();
      });
      // The status is what counts, also if the rest of the answer is late, too long or interrupted.
      answer.on('error', () => resolve(answer));
      answer.on('close', () => resolve(answer));
    });
    request.end(body);
    return promise;
  }
}

function resultOf({ statusCode = 0, headers }: http.IncomingMessage): AttemptResult {
  if (statusCode >= 200 && statusCode < 300) {
    return { status: statusCode, error: null, retryAfterMs: null, isFinal: false };
  }
  const isRedirect = statusCode >= 300 && statusCode < 400;
  return {
    status: statusCode,
    error: isRedirect ? `status ${statusCode}: redirects are not followed` : `status ${statusCode}`,
    retryAfterMs: parseRetryAfter(headers['retry-after']),
    isFinal: statusCode === gone,
  };
}

/** Parses Retry-After (RFC 9110 section 10.2.3) as seconds. */
function parseRetryAfter(text: string | undefined): number | null {
  if (text === undefined || !/^\d{1,6}$/.test(text)) return null;
  return Math.min(maxRetryAfterMs, Number(text) * 1000);
}

/** Returns a text without names that only the receiver's side knows. */
function textOf(error: unknown): string {
  if (error instanceof Fault) return error.hint;
  const causes = error instanceof AggregateError ? error.errors : [error];
  const codes = causes.map((cause: unknown) =>
    cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : 'failed',
  );
  return `connection failed (${[...new Set(codes)].join(', ')})`;
}
