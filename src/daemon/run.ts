import { startEmbedded } from '../assembly/embedded.js';
import { HeldLog } from '../assembly/held-log.js';
import { LiveSettings } from '../assembly/live-settings.js';
import { createLogger } from '../assembly/logger.js';
import { assembleGateway } from './assemble.js';
import { prepareDemo } from './demo.js';
import type { GatewayOptions } from './gateway-options.js';
import { readyLine } from './ready-line.js';
import { StopSignals, surviveHangUps } from './stop-signals.js';

/** The options of `runGateway`. */
export interface RunGatewayOptions extends GatewayOptions {
  /** Creates a demo user at the first start and prints commands to try. */
  readonly demo: boolean;
}

/**
 * Runs the gateway until SIGTERM or SIGINT and returns the exit code. Prints a line with the word `ready`
 * when the ports listen. After the signal it accepts no connections, and open uploads have `drain.timeout` to
 * finish. A second signal ends that wait, and SIGHUP changes nothing. Throws `conflict`, and ends at once, if another
 * gateway takes over the database. The demo's commands are printed before the log, so that a newcomer
 * sees them first.
 */
export async function runGateway(options: RunGatewayOptions): Promise<number> {
  using stop = new StopSignals();
  using _hangUps = surviveHangUps(() =>
    options.output('SIGHUP: nothing to do; settings that do not follow their file need a restart'),
  );
  using log = new HeldLog(process.stderr);
  if (!options.demo) log.release();
  await using gateway = await assembleGateway({ ...options, logSink: log });
  if (options.demo) for (const line of await prepareDemo(options.root, gateway)) options.output(line);
  const { sftpAddress, embedded, bucket } = gateway;
  options.output(readyLine(sftpAddress, embedded?.endpoint ?? null, bucket, 1));
  log.release();
  const lost = await Promise.race([stop.first.then(() => null), gateway.lost]);
  if (lost !== null) throw lost;
  options.output('stopping; open uploads may finish');
  await Promise.race([gateway.drain(), stop.second]);
  return 0;
}

/** Runs the embedded S3 server alone until SIGTERM or SIGINT and returns the exit code. */
export async function runEmbeddedS3(
  options: Pick<GatewayOptions, 'root' | 's3Listen' | 'output'>,
): Promise<number> {
  using stop = new StopSignals();
  const settings = await LiveSettings.open(options.root, true);
  const log = createLogger(settings.current.logLevel, process.stderr);
  const embedded = await startEmbedded(settings, options, log);
  options.output(
    `ready: S3 at ${embedded.endpoint}, bucket ${settings.bucket}; \`sftpgw env\` prints the credentials`,
  );
  await stop.first;
  await Promise.race([embedded.close(settings.current.drainTimeoutMs), stop.second]);
  return 0;
}
