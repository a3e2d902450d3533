import { ensureEventSecret } from '../api/event-secret.js';
import type { Monitoring } from '../api/monitoring.js';
import { startMonitoringEndpoint } from '../api/monitoring-endpoint.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import { systemClock, systemEntropy } from '../assembly/system.js';
import { Readiness } from '../health/readiness.js';
import type { GatewayMetrics } from '../metrics/gateway-metrics.js';
import type { Logger } from '../model/call.js';
import { type Monitored, sampleGroups } from './metric-samples.js';
import { readinessChecks } from './readiness-checks.js';

/** The monitoring of a gateway. */
export interface GatewayMonitoring extends Monitoring {
  /** From now on `/readyz` fails. */
  drain(): void;
}

/** Connects the metrics and the checks of a gateway with its services. */
export function createMonitoring(
  monitored: Monitored & { readonly metrics: GatewayMetrics; readonly bucket: string },
  log: Logger,
  resources: AsyncDisposableStack,
): GatewayMonitoring {
  const { metrics } = monitored;
  const readiness = new Readiness(readinessChecks(monitored, resources), systemClock, log);
  metrics.add(...sampleGroups(monitored, readiness, resources));
  return {
    scrape: () => metrics.scrape(),
    contentType: metrics.contentType,
    readiness: () => readiness.report(),
    drain: () => readiness.drain(),
  };
}

/** Starts the endpoint of `metrics.listen`, if it is set. Throws as `startMonitoringEndpoint`. */
export async function listenForMonitoring(
  settings: LiveSettings,
  monitoring: Monitoring,
  log: Logger,
  resources: AsyncDisposableStack,
): Promise<void> {
  const { metricsListen, metricsTokenFile } = settings.current;
  if (metricsListen === null) return;
  const tokenFile = metricsTokenFile ?? settings.paths.metricsTokenFile;
  if (metricsTokenFile === null) await ensureEventSecret(tokenFile, systemEntropy);
  const services = { log, clock: systemClock, entropy: systemEntropy };
  const endpoint = await startMonitoringEndpoint({ ...metricsListen, tokenFile, monitoring, ...services });
  resources.use(endpoint);
  log.info('metrics ready', { ...endpoint.address, tokenFile });
}
