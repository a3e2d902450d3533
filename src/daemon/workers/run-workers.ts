import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { LiveSettings } from '../../assembly/live-settings.js';
import { createLogger } from '../../assembly/logger.js';
import { lockRoot, rootInUse } from '../../assembly/root-lock.js';
import { systemClock } from '../../assembly/system.js';
import { furtherSpools } from '../../audit/spool-directory.js';
import type { ListenAddress } from '../../config/values.js';
import { workersOf } from '../../config/workers-setting.js';
import type { Logger } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { passedSocket } from '../../network/passed-socket.js';
import { defaultSftpLimits } from '../../sftp/limits.js';
import type { GatewayOptions } from '../gateway-options.js';
import { readyLine } from '../ready-line.js';
import { StopSignals } from '../stop-signals.js';
import { EmbeddedChild } from './embedded-child.js';
import { Supervisor, type SupervisorSettings } from './supervisor.js';
import { startWorker } from './worker-process.js';

/** The options of `runWorkers`. */
export type RunWorkersOptions = Omit<GatewayOptions, 'demo' | 'worker' | 'logSink'>;

/**
 * Runs a gateway of several processes until SIGTERM or SIGINT, and returns the exit code. Prints a line with the word
 * `ready` when the port listens. SIGHUP replaces the processes one by one. Throws what the first process throws at
 * its start, and `unavailable` if the port cannot be listened on.
 */
export async function runWorkers(options: RunWorkersOptions): Promise<number> {
  using stop = new StopSignals();
  const { root, embedded, output, logLevel } = options;
  const settings = await LiveSettings.open(root, embedded);
  const bucket = settings.requireBucket();
  const log = createLogger(logLevel ?? settings.current.logLevel, process.stderr);
  await using _lock = await lockRoot(settings, rootInUse(settings.paths.root));
  let supervisor: Supervisor | null = null;
  const tellLead = (topic: string, body: unknown) => supervisor?.tellLead(topic, body);
  await using s3 = await embeddedChild(options, tellLead, log);
  const s3Endpoint = s3?.endpoint ?? null;
  using running = new Supervisor({
    settings: supervisorSettings(settings),
    start: startWorker,
    common: { root, embedded, s3Endpoint, ...(logLevel === undefined ? {} : { logLevel }) },
    usedSlots: furtherSpools(settings.paths.auditDirectory),
    ...{ output, log, clock: systemClock },
  });
  supervisor = running;
  const started = running.start();
  using _reloads = reloadOnHangup(options, running, started, log);
  const isStopped = await Promise.race([started.then(() => false), stop.first.then(() => true)]);
  if (isStopped) return 0;
  const listener = await listen(options.sftpListen ?? settings.current.sftpListen, (socket) =>
    running.pass(socket),
  );
  const { address: host, port } = listener.address() as AddressInfo;
  output(readyLine({ host, port }, s3Endpoint, bucket, running.readyCount));
  await stop.first;
  output('stopping; open uploads may finish');
  void stop.second.then(() => running.endNow());
  const drained = running.drain();
  // Meanwhile `/readyz` fails.
  await Promise.race([systemClock.sleep(settings.current.drainDelayMs), stop.second]);
  listener.close();
  await drained;
  return 0;
}

async function embeddedChild(
  { root, embedded, logLevel, s3Listen }: RunWorkersOptions,
  tellLead: (topic: string, body: unknown) => void,
  log: Logger,
): Promise<EmbeddedChild | null> {
  if (!embedded) return null;
  const common = {
    root,
    ...(logLevel === undefined ? {} : { logLevel }),
    ...(s3Listen === undefined ? {} : { s3Listen }),
  };
  return await EmbeddedChild.start({ start: startWorker, common, tellLead, log });
}

function supervisorSettings({ current }: LiveSettings): SupervisorSettings {
  const { workers, drainDelayMs, drainTimeoutMs, sftpSessionsMax } = current;
  return {
    workers: workersOf(workers),
    drainTimeoutMs: drainDelayMs + drainTimeoutMs,
    maxConnections: sftpSessionsMax + defaultSftpLimits.maxUnauthenticated,
  };
}

/** Replaces the processes at each SIGHUP, with the settings as they are then. Waits until all have `started`. */
function reloadOnHangup(
  { root, embedded }: RunWorkersOptions,
  supervisor: Supervisor,
  started: Promise<void>,
  log: Logger,
): Disposable {
  const reload = async () => {
    try {
      await started;
      const settings = await LiveSettings.open(root, embedded);
      log.info('replacing the workers', { workers: workersOf(settings.current.workers) });
      await supervisor.reload(supervisorSettings(settings));
    } catch (error) {
      log.error('workers not replaced', { error: Fault.from(error) });
    }
  };
  const listener = () => void reload();
  process.on('SIGHUP', listener);
  return { [Symbol.dispose]: () => void process.off('SIGHUP', listener) };
}

/**
 * Listens on the address or on the socket that systemd has passed, and passes each connection on before any data is read
 * from it. Throws `unavailable`.
 */
async function listen({ host, port }: ListenAddress, pass: (socket: Socket) => void): Promise<Server> {
  const fd = passedSocket(process.env, process.pid);
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    // A connection may end before a process has it.
    socket.on('error', () => undefined);
    pass(socket);
  });
  try {
    server.listen(fd === null ? { port, host } : { fd });
    await once(server, 'listening');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const where = fd === null ? `${host} port ${port}` : 'the socket that systemd has passed';
    throw new Fault('unavailable', `SFTP cannot listen on ${where}: ${reason}`, { cause: error });
  }
  return server;
}
