import type { ServerResponse } from 'node:http';
import type { ReadinessReport } from '../health/readiness.js';

/** The path that answers 200 while the process lives and its event loop turns. */
export const healthPath = '/healthz';
/** The path that answers 200 while the gateway can serve, else 503. */
export const readyPath = '/readyz';
/** The path with the metrics for Prometheus. */
export const metricsPath = '/metrics';

/** Answers a question whether the process lives. The answer proves it. */
export function sendHealth(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-store' }).end('ok\n');
}

/**
 * Answers whether the gateway can serve: 200, or 503 with a problem document (RFC 9457). `isTrusted` shows the
 * checks with their reasons and ages; others see only the result.
 */
export function sendReadiness(
  response: ServerResponse,
  { isReady, checks }: ReadinessReport,
  isTrusted: boolean,
  requestId: string,
): void {
  const shown = checks.map(({ name, isOk, kind, reason, ageMs }) => ({
    name,
    ok: isOk,
    ...(isOk ? {} : { kind, reason }),
    ageSeconds: ageMs / 1000,
  }));
  const more = isTrusted ? { checks: shown } : {};
  const failed = checks.filter(({ isOk }) => !isOk).map(({ name }) => name);
  const problem = {
    type: 'about:blank',
    title: 'Not ready',
    status: 503,
    ...(isTrusted ? { detail: `these checks fail: ${failed.join(', ')}` } : {}),
    requestId,
  };
  const text = JSON.stringify({ ...(isReady ? { status: 'ready' } : problem), ...more });
  response.writeHead(isReady ? 200 : 503, {
    'content-type': isReady ? 'application/json' : 'application/problem+json',
    'cache-control': 'no-store',
    'content-length': Buffer.byteLength(text),
  });
  response.end(text);
}
