import { startEmbedded } from '../assembly/embedded.js';
import { LiveSettings } from '../assembly/live-settings.js';
import { createLogger } from '../assembly/logger.js';
import { assembleGateway, type Gateway, type GatewayOptions } from './assemble.js';
import { prepareDemo } from './demo.js';

export interface RunGatewayOptions extends GatewayOptions {
  /** Makes a demo user at the first start and prints commands to try. */
  readonly demo: boolean;
}

/**
 * Runs the gateway until SIGTERM or SIGINT and answers the exit code. A line with the word `ready` is printed when the ports
 * listen. At the signal it takes no more connections, and files that are being written have `drain.timeout` to be finished; a
 * second signal ends that wait.
 */
export async function runGateway(options: RunGatewayOptions): Promise<number> {
  using stop = new StopSignals();
  await using gateway = await assembleGateway(options);
  if (options.demo) for (const line of await prepareDemo(options.root, gateway)) options.output(line);
  options.output(readyLine(gateway));
  await stop.first;
  options.output('stopping; uploads under way may finish');
  await Promise.race([gateway.drain(), stop.second]);
  return 0;
}

/** Runs the embedded S3 server alone until SIGTERM or SIGINT and answers the exit code. */
export async function runEmbeddedS3(
  options: Pick<GatewayOptions, 'root' | 's3Listen' | 'output'>,
): Promise<number> {
  using stop = new StopSignals();
  const settings = await LiveSettings.open(options.root, true);
  const log = createLogger(settings.current.logLevel, process.stderr);
  const embedded = await startEmbedded(settings, options, log);
  options.output(
    `ready: S3 at ${embedded.endpoint}, bucket ${settings.bucket}; \`sftpgw env\` has the credentials`,
  );
  await stop.first;
  await Promise.race([embedded.close(settings.current.drainTimeoutMs), stop.second]);
  return 0;
}

function readyLine({ sftpAddress: { host, port }, embedded, bucket }: Gateway): string {
  const s3 = embedded === null ? '' : `, S3 at ${embedded.endpoint}`;
  return `ready: SFTP on ${host.includes(':') ? `[${host}]` : host}:${port}${s3}, bucket ${bucket}`;
}

/** The first and the second SIGTERM or SIGINT, as promises. */
class StopSignals implements Disposable {
  readonly first: Promise<void>;
  readonly second: Promise<void>;
  readonly #listener: () => void;

  constructor() {
    const arrivals: (() => void)[] = [];
    this.first = new Promise((resolve) => arrivals.push(resolve));
    this.second = new Promise((resolve) => arrivals.push(resolve));
    this.#listener = () => arrivals.shift()?.();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, this.#listener);
  }

  [Symbol.dispose](): void {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.off(signal, this.#listener);
  }
}
