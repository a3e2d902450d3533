import { setting } from './setting.js';
import { absoluteFile, optionalListenAddress } from './values.js';

/** The settings of metrics and health checks. */
export const monitoringSettings = {
  metricsListen: setting(
    'metrics.listen',
    optionalListenAddress,
    null,
    'The address of /metrics for Prometheus, /healthz and /readyz. It is plain HTTP. Clients on other machines need the token for the metrics and for the reasons of /readyz.',
  ),
  metricsTokenFile: setting(
    'metrics.token.file',
    absoluteFile,
    null,
    'A file with the tokens of clients on other machines, one per line. Empty: var/lib/sftpgw/metrics.token, generated at the first start with metrics.listen.',
  ),
};
