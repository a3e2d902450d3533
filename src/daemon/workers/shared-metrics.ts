import type { GatewayMetrics, MetricsSnapshot } from '../../metrics/gateway-metrics.js';
import type { WorkerLink } from './worker-link.js';

/** Less than the time of a scrape, in milliseconds. A process that does not answer is left out. */
const snapshotTimeoutMs = 4_000;

/** Lets each scrape in this process include the others, and theirs include this one. */
export function shareMetrics(link: WorkerLink, metrics: GatewayMetrics): void {
  link.answer('metrics', () => metrics.snapshot());
  metrics.combineWith(
    async () => (await link.askOthers('metrics', null, snapshotTimeoutMs)) as readonly MetricsSnapshot[],
  );
}
