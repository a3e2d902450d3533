import type { Core } from '../assembly/core.js';
import type { LiveSettings } from '../assembly/live-settings.js';
import type { LogSink } from '../assembly/logger.js';
import { systemClock } from '../assembly/system.js';
import type { LiveSessions } from '../live/live-sessions.js';
import type { GatewayMetrics } from '../metrics/gateway-metrics.js';
import type { Mirror } from '../mirror/mirror.js';
import type { Logger } from '../model/call.js';
import type { SessionAdministration } from '../model/live.js';
import type { VfsFactory } from '../model/vfs.js';
import type { RootServices } from '../operations/open-root.js';
import type { LoginDefence } from '../sftp/defence/login-defence.js';
import type { SftpServer } from '../sftp/server.js';
import { consoleOptionsOf, runConsole } from './console.js';
import type { ConsoleAddress } from './console-address.js';
import { startControl } from './control.js';
import { type RecentEvents, startEventSources } from './event-sources.js';
import { startFilesPage } from './files-page.js';
import { followJobs } from './follow-jobs.js';
import { type GatewayMonitoring, listenForMonitoring } from './monitoring.js';
import { replicateFiles } from './nodes/replicate.js';

/** The parts of a gateway that its lead work uses. */
export interface LeadParts {
  readonly settings: LiveSettings;
  readonly core: Core;
  readonly root: RootServices;
  readonly mirror: Mirror;
  readonly events: RecentEvents;
  readonly metrics: GatewayMetrics;
  readonly monitoring: GatewayMonitoring;
  readonly defence: LoginDefence;
  readonly live: LiveSessions;
  /** The sessions of all processes and nodes. */
  readonly sessions: SessionAdministration;
  readonly trees: VfsFactory;
  readonly sftp: SftpServer;
  readonly isDemo: boolean;
  readonly consoleAddress: ConsoleAddress;
  readonly log: Logger;
  readonly sink: LogSink | undefined;
}

/** The work that exists once on a machine, as it runs in this process. */
export interface LeadWork extends AsyncDisposable {
  /** Stops serving the files page, so that its uploads can finish. */
  closeFilesPage(): Promise<void>;
}

/**
 * Starts what one process of a gateway does, however many serve clients: the mirror, the events of S3, the sockets of
 * the commands, of the console and of the files page, the users of sshd, and the metrics. Disposing stops it, so
 * that another process can begin. Throws `invalid` (settings) and `unavailable` (a port, a socket).
 */
export async function startLeadWork(parts: LeadParts): Promise<LeadWork> {
  const { settings, core, mirror, events, metrics, monitoring, log, sftp } = parts;
  await using resources = new AsyncDisposableStack();
  const stop = new AbortController();
  resources.use(mirror);
  mirror.start();
  events.passTo(mirror);
  await startEventSources(settings, events, metrics, log, stop, resources);
  await listenForMonitoring(settings, monitoring, log, resources);
  const runner = await startControl(
    {
      ...{ root: parts.root, mirror, bans: parts.defence, sessions: parts.sessions, monitoring },
      isDemo: parts.isDemo,
      hostKeys: () => sftp.hostKeyFingerprints,
      s3Totals: () => metrics.s3Totals,
    },
    resources,
  );
  await sftp.serveStdio();
  resources.defer(() => sftp.stopStdio());
  const { defence, live, trees: vfs } = parts;
  const filesPage = await startFilesPage(settings, { core, vfs, defence, live, log });
  resources.defer(() => filesPage?.close());
  const call = { ...core.call, signal: AbortSignal.any([core.call.signal, stop.signal]) };
  const running = [
    startConsole(parts, stop.signal),
    ...(core.database.owner === null ? [] : [followJobs(call, runner, systemClock)]),
    replicateFiles(settings, core, call),
  ];
  resources.defer(async () => {
    stop.abort();
    await Promise.all(running);
  });
  const owned = resources.move();
  return {
    closeFilesPage: async () => void (await filesPage?.close()),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function startConsole(
  { settings, log, sink = process.stderr, consoleAddress }: LeadParts,
  signal: AbortSignal,
): Promise<void> {
  const options = consoleOptionsOf(settings);
  const onListening = (text: string) => consoleAddress.listening(text);
  const onEnded = () => consoleAddress.ended();
  return options === null
    ? Promise.resolve()
    : runConsole(options, { log, sink, clock: systemClock, onListening, onEnded }, signal);
}
