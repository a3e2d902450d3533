import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ReadinessReport } from '../health/readiness.js';
import { Fault } from '../model/fault.js';
import { healthPath, metricsPath, readyPath, sendHealth, sendReadiness } from './health.js';
import { Refusal } from './refusal.js';

/** The answers that a monitoring system gets from the gateway. */
export interface Monitoring {
  /** Returns the metrics in the text format of Prometheus. */
  scrape(): Promise<string>;
  readonly contentType: string;
  /** Never rejects. */
  readiness(): Promise<ReadinessReport>;
}

/** Scrapes that are answered at the same time. They share one reading of the values. */
const maxScrapes = 4;
/** Time for one scrape, in milliseconds: less than the default timeout of Prometheus, 10 s. */
const scrapeTimeoutMs = 8_000;

/** The answers to `/metrics`, `/healthz` and `/readyz`, for every server that has these paths. */
export class MonitoringAnswers {
  readonly #monitoring: Monitoring;
  #scrapes = 0;

  constructor(monitoring: Monitoring) {
    this.#monitoring = monitoring;
  }

  /** The paths. */
  static readonly paths: readonly string[] = [metricsPath, healthPath, readyPath];

  /**
   * Answers a request for one of the paths. `isTrusted` is called for what strangers must not see, and throws
   * `unauthenticated` if the request has a wrong secret. Throws `unsupported` for another method, `not-found`
   * for another path, `unauthenticated`, `throttled` and `timed-out`.
   */
  async answer(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    requestId: string,
    isTrusted: () => Promise<boolean>,
  ): Promise<void> {
    if (!MonitoringAnswers.paths.includes(path))
      throw new Fault('not-found', `unknown path; there are ${MonitoringAnswers.paths.join(', ')}`);
    if (request.method !== 'GET' && request.method !== 'HEAD')
      throw new Fault('unsupported', `use GET for ${path}`);
    if (path === healthPath) return sendHealth(response);
    if (path === readyPath) {
      const [report, isKnown] = await Promise.all([this.#monitoring.readiness(), isTrusted()]);
      return sendReadiness(response, report, isKnown, requestId);
    }
    if (!(await isTrusted()))
      throw new Fault('unauthenticated', 'send the token as "Authorization: Bearer TOKEN"');
    await this.#sendMetrics(response);
  }

  async #sendMetrics(response: ServerResponse): Promise<void> {
    if (this.#scrapes >= maxScrapes)
      throw new Refusal('throttled', `${maxScrapes} scrapes are running; scrape less often`, { status: 503 });
    this.#scrapes += 1;
    let timer: NodeJS.Timeout | null = null;
    try {
      const late = new Promise<never>((_resolve, reject) => {
        const fault = new Fault('timed-out', `the metrics were not read within ${scrapeTimeoutMs / 1000} s`);
        timer = setTimeout(() => reject(fault), scrapeTimeoutMs);
      });
      const text = await Promise.race([this.#monitoring.scrape(), late]);
      response.writeHead(200, {
        'content-type': this.#monitoring.contentType,
        'content-length': Buffer.byteLength(text),
        'cache-control': 'no-store',
      });
      response.end(text);
    } finally {
      if (timer !== null) clearTimeout(timer);
      this.#scrapes -= 1;
    }
  }
}
