import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { AuditEvent } from '../model/audit.js';
import { Fault } from '../model/fault.js';
import type { Measures } from '../model/measures.js';
import { auditedCounts } from './audited-counts.js';
import {
  type CounterName,
  counters,
  type GaugeName,
  gauges,
  type HistogramName,
  histograms,
} from './descriptions.js';

/** The value of a metric that is read at a scrape. */
export interface Sample {
  readonly name: GaugeName | CounterName;
  readonly value: number;
  readonly labels?: Readonly<Record<string, string>>;
}

/** Values that are read together. */
export interface SampleGroup {
  /** Label of `sftpgw_scrape_failures_total`. */
  readonly name: string;
  readonly read: () => Promise<readonly Sample[]> | readonly Sample[];
  /** True if every process of a gateway would read the same values. One of them does. */
  readonly isShared?: boolean;
}

/** The values of a process, which another one adds to its own. JSON can carry them. */
export type MetricsSnapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** Time that a group of values has at each scrape, in milliseconds. */
const groupTimeoutMs = 3_000;

/**
 * The metrics of a gateway. Requests add to counters and histograms; everything else is read at the scrape.
 * Scrapes at the same time share one reading.
 */
export class GatewayMetrics implements Measures {
  readonly #registry = new Registry();
  readonly #counters: Readonly<Record<CounterName, Counter>>;
  readonly #histograms: Readonly<Record<HistogramName, Histogram>>;
  readonly #gauges: Readonly<Record<GaugeName, Gauge>>;
  readonly #groups: SampleGroup[] = [];
  /** Groups whose last reading has not ended. */
  readonly #reading = new Set<string>();
  #scrape: Promise<string> | null = null;
  #others: (() => Promise<readonly MetricsSnapshot[]>) | null = null;
  readonly #s3 = { requests: 0, retries: 0, seconds: 0 };

  constructor() {
    const registers = [this.#registry];
    this.#counters = built(
      counters,
      (name, { help, labels }) => new Counter({ name, help, labelNames: labels, registers }),
    );
    this.#gauges = built(
      gauges,
      (name, { help, labels }) =>
        new Gauge({ name, help, labelNames: labels, registers, aggregator: combinationOf(name) }),
    );
    this.#histograms = built(
      histograms,
      (name, { help, labels }) =>
        new Histogram({ name, help, labelNames: labels, buckets: [...histograms[name].buckets], registers }),
    );
  }

  /** Adds values that each scrape reads. */
  add(...groups: readonly SampleGroup[]): void {
    this.#groups.push(...groups);
  }

  sftpRequest(request: 'open' | 'close', seconds: number): void {
    this.#histograms.sftpgw_sftp_request_seconds.observe({ request }, seconds);
  }

  /** Requests to S3 since the start, and the sum of their times. */
  get s3Totals(): { readonly requests: number; readonly retries: number; readonly seconds: number } {
    return { ...this.#s3 };
  }

  s3Attempt(operation: string, result: string, seconds: number): void {
    this.#s3.requests += 1;
    this.#s3.seconds += seconds;
    this.#counters.sftpgw_s3_requests_total.inc({ operation, result });
    this.#histograms.sftpgw_s3_request_seconds.observe({ operation }, seconds);
  }

  s3Retry(operation: string): void {
    this.#s3.retries += 1;
    this.#counters.sftpgw_s3_retries_total.inc({ operation });
  }

  databaseCommit(seconds: number): void {
    this.#histograms.sftpgw_database_commit_seconds.observe(seconds);
  }

  audited(event: AuditEvent): void {
    for (const counted of auditedCounts(event)) {
      switch (counted.kind) {
        case 'login': {
          const { method, result, count } = counted;
          this.#counters.sftpgw_logins_total.inc({ method, result }, count);
          break;
        }
        case 'refusal':
          this.#counters.sftpgw_refusals_total.inc({ rule: counted.rule }, counted.count);
          break;
        case 'transfer': {
          const { direction, result } = counted;
          this.#counters.sftpgw_transfers_total.inc({ direction, result });
          break;
        }
      }
    }
  }

  eventReceived(): void {
    this.#counters.sftpgw_events_total.inc();
  }

  eventFailed(source: 'endpoint' | 'queue'): void {
    this.#counters.sftpgw_event_failures_total.inc({ source });
  }

  webhookAttempt(result: 'ok' | 'failed'): void {
    this.#counters.sftpgw_webhook_attempts_total.inc({ result });
  }

  /** Adds the values of other processes of this gateway to each scrape. */
  combineWith(others: () => Promise<readonly MetricsSnapshot[]>): void {
    this.#others = others;
  }

  /** Returns the values of this process, without the shared ones. */
  async snapshot(): Promise<MetricsSnapshot> {
    await this.#readGroups(this.#groups.filter(({ isShared }) => isShared !== true));
    return await this.#registry.getMetricsAsJSON();
  }

  /** Returns all metrics in the text format of Prometheus (version 0.0.4). Never waits longer than a group may. */
  scrape(): Promise<string> {
    this.#scrape ??= this.#read().finally(() => {
      this.#scrape = null;
    });
    return this.#scrape;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  async #read(): Promise<string> {
    const [others] = await Promise.all([this.#others?.() ?? [], this.#readGroups(this.#groups)]);
    if (others.length === 0) return await this.#registry.metrics();
    const own = await this.#registry.getMetricsAsJSON();
    return await AggregatorRegistry.aggregate([own, ...others]).metrics();
  }

  async #readGroups(groups: readonly SampleGroup[]): Promise<void> {
    const read = await Promise.all(groups.map((group) => this.#samples(group)));
    // Labels that are gone, such as a result without a prefix, must not keep their last value.
    for (const gauge of Object.values(this.#gauges)) gauge.reset();
    for (const { name, value, labels = {} } of read.flat()) this.#set(name, value, labels);
  }

  #set(name: Sample['name'], value: number, labels: Readonly<Record<string, string>>): void {
    if (isGauge(name)) this.#gauges[name].set(labels, value);
    else {
      this.#counters[name].remove(labels);
      this.#counters[name].inc(labels, value);
    }
  }

  /** Returns nothing and counts a failure if the values cannot be read in time. */
  async #samples({ name, read }: SampleGroup): Promise<readonly Sample[]> {
    let timer: NodeJS.Timeout | null = null;
    try {
      if (this.#reading.has(name)) throw new Fault('timed-out', 'the last reading has not ended');
      this.#reading.add(name);
      const reading = Promise.resolve(read()).finally(() => this.#reading.delete(name));
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new Fault('timed-out', 'not read in time')), groupTimeoutMs);
      });
      return await Promise.race([reading, late]);
    } catch {
      this.#counters.sftpgw_scrape_failures_total.inc({ group: name });
      return [];
    } finally {
      if (timer !== null) clearTimeout(timer);
    }
  }
}

function combinationOf(name: GaugeName): 'sum' | 'max' | 'min' {
  const described = gauges[name];
  return 'combined' in described ? described.combined : 'sum';
}

function isGauge(name: Sample['name']): name is GaugeName {
  return name in gauges;
}

function built<Name extends string, Metric>(
  described: Readonly<Record<Name, { readonly help: string; readonly labels?: readonly string[] }>>,
  build: (name: Name, description: { readonly help: string; readonly labels: string[] }) => Metric,
): Readonly<Record<Name, Metric>> {
  const names = Object.keys(described) as Name[];
  const entries = names.map((name) => {
    const { help, labels = [] } = described[name];
    return [name, build(name, { help, labels: [...labels] })] as const;
  });
  return Object.fromEntries(entries) as Record<Name, Metric>;
}
