import { startEmbedded } from '../../assembly/embedded.js';
import { LiveSettings } from '../../assembly/live-settings.js';
import { createLogger } from '../../assembly/logger.js';
import { systemClock } from '../../assembly/system.js';
import { GatewayMetrics } from '../../metrics/gateway-metrics.js';
import { Fault } from '../../model/fault.js';
import { assembleGateway } from '../assemble.js';
import { objectChanged } from '../embedded.js';
import { RecentEvents } from '../event-sources.js';
import { type WorkerOptions, workerVariable } from './messages.js';
import { processChannel, WorkerLink } from './worker-link.js';

/**
 * The program of the processes that the supervisor starts. They have their options from one variable, talk to the
 * supervisor over the channel that it made, and end with it.
 */
async function main(): Promise<void> {
  const options = JSON.parse(process.env[workerVariable] ?? '') as WorkerOptions;
  delete process.env[workerVariable];
  using link = new WorkerLink(options.place, options.isLead, processChannel());
  // The supervisor holds the root's lock.
  let isOver = false;
  process.on('disconnect', () => process.exit(isOver ? process.exitCode : 1));
  // The service manager may signal all processes. The supervisor decides when this one ends.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => link.drain());
  process.on('SIGHUP', () => undefined);
  try {
    if (options.task === 'gateway') await runGatewayWorker(options, link);
    else await runS3Worker(options, link);
  } catch (error) {
    const fault = Fault.from(error);
    createLogger('info', process.stderr).error('worker failed', { worker: options.place.slot, error: fault });
    link.send({ kind: 'failed', fault: { kind: fault.kind, text: fault.hint } });
    process.exitCode = 1;
  }
  isOver = true;
  // Closes the channel once the last message is sent.
  process.disconnect();
}

/** Serves clients until the supervisor ends it. Throws as `assembleGateway`, and the fault of a lost database. */
async function runGatewayWorker(options: WorkerOptions, link: WorkerLink): Promise<void> {
  const { root, embedded, logLevel, isFirst, leftSlots, s3Endpoint } = options;
  await using gateway = await assembleGateway({
    ...{ root, embedded, demo: false },
    ...(logLevel === undefined ? {} : { logLevel }),
    worker: { link, isFirst, leftSlots, s3Endpoint },
    output: (line) => link.send({ kind: 'output', line }),
  });
  link.send({ kind: 'ready', bucket: gateway.bucket, s3Endpoint: null });
  const ending = link.end.then(() => null);
  const reason = await Promise.race([link.draining, ending, gateway.lost]);
  if (reason instanceof Fault) throw reason;
  if (reason === null) return;
  if (!reason.isReload) {
    await Promise.race([gateway.drain(), ending]);
    return;
  }
  await gateway.resign();
  link.send({ kind: 'resigned' });
  // New sessions begin in other workers. Sessions of this one may do what they have begun.
  await Promise.race([gateway.sessionsEnded(), ending]);
  await Promise.race([gateway.endSessions(), ending]);
}

/** Runs the embedded S3 server until the supervisor ends it, and reports changes. Throws as `startEmbedded`. */
async function runS3Worker({ root, logLevel, s3Listen }: WorkerOptions, link: WorkerLink): Promise<void> {
  const settings = await LiveSettings.open(root, true);
  const log = createLogger(logLevel ?? settings.current.logLevel, process.stderr);
  const events = new RecentEvents(systemClock, true, new GatewayMetrics());
  events.passTo({ keyChanged: (bucket, key) => link.tell(0, objectChanged, { bucket, key }) });
  const embedded = await startEmbedded(settings, s3Listen === undefined ? {} : { s3Listen }, log, events);
  link.send({ kind: 'ready', bucket: settings.requireBucket(), s3Endpoint: embedded.endpoint });
  await Promise.race([link.draining, link.end]);
  await embedded.close(settings.current.drainTimeoutMs);
}

await main();
