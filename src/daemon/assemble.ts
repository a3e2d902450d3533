import { hasNativeCrc32c } from '@sftpgw/checksums';
import { watchBucketCopy } from '../assembly/bucket-copy.js';
import { buildCore, type Core, s3OptionsOf } from '../assembly/core.js';
import { type EmbeddedS3, startEmbedded } from '../assembly/embedded.js';
import { LiveSettings } from '../assembly/live-settings.js';
import { createLogger, type LogLevel, type LogSink } from '../assembly/logger.js';
import { buildMirror } from '../assembly/mirror.js';
import { refuseIncompleteRecovery } from '../assembly/recovery-marker.js';
import { lockRoot } from '../assembly/root-lock.js';
import { systemClock, systemEntropy } from '../assembly/system.js';
import type { ListenAddress } from '../config/values.js';
import { LedgerOrphans } from '../database/ledger/orphans.js';
import { createLedgerVersions } from '../database/ledger/versions.js';
import { GatewayMetrics } from '../metrics/gateway-metrics.js';
import type { Mirror } from '../mirror/mirror.js';
import type { Logger } from '../model/call.js';
import type { CustomerKey } from '../model/customer-key.js';
import type { Fault } from '../model/fault.js';
import type { NodeUploads } from '../model/parked-uploads.js';
import { encryptionKeysOf } from '../operations/object-services.js';
import { startRotations } from '../operations/rotation.js';
import { hasNativeCrypto } from '../sftp/native-crypto.js';
import { createVfsFactory, type UploadingVfsFactory } from '../vfs/factory.js';
import { openGatewayAudit } from './audit.js';
import { endBarredSessions } from './barred-sessions.js';
import { checkDatabase } from './check-database.js';
import { checkKeyring } from './check-keyring.js';
import { checkLedger } from './check-ledger.js';
import { checkStorage } from './check-storage.js';
import { consoleOptionsOf, runConsole } from './console.js';
import { ConsoleAddress } from './console-address.js';
import { startControl } from './control.js';
import { demoLinkOf } from './demo-link.js';
import { RecentEvents, startEventSources } from './event-sources.js';
import { expireUploads } from './expire-uploads.js';
import { startFilesPage } from './files-page.js';
import { followJobs } from './follow-jobs.js';
import { tuneHeapGrowth } from './heap-growth.js';
import { startMonitoring } from './monitoring.js';
import { linkNodes } from './nodes/start.js';
import { serveReleases } from './nodes/upload-release.js';
import { OrphanSettler } from './orphan-settler.js';
import { connectionBounds, liveSessions, openLoginDefence, startSftp } from './sftp.js';
import { startWebhooks } from './webhooks.js';

/** The command-line options of a gateway, and the receivers of its output. */
export interface GatewayOptions {
  readonly root: string;
  /** Runs the embedded S3 server in the same process and stores the objects in it. */
  readonly embedded: boolean;
  /** Lets people log in at the console with the link of a demo. */
  readonly demo: boolean;
  /** These three override the settings `sftp.listen`, `s3.listen` and `log.level`. */
  readonly sftpListen?: ListenAddress;
  readonly s3Listen?: ListenAddress;
  readonly logLevel?: LogLevel;
  /** Receives the log; process.stderr by default. */
  readonly logSink?: LogSink;
  /** Receives the lines meant for a person. */
  readonly output: (line: string) => void;
}

/** A running gateway. Disposing it stops everything at once. */
export interface Gateway extends AsyncDisposable {
  readonly sftpAddress: ListenAddress;
  /** Null if objects are stored in another S3 server. */
  readonly embedded: EmbeddedS3 | null;
  /** The default bucket at the start. */
  readonly bucket: string;
  /** Returns a link with which someone on this machine logs in at a demo's console once; null without a console. */
  demoLink(): Promise<string | null>;
  /** Resolves when another gateway has taken over the database: this one must end. */
  readonly lost: Promise<Fault>;
  /**
   * Lets `/readyz` fail for `drain.delay`, then stops accepting connections and waits until uploads are finished, for
   * `drain.timeout` at most.
   */
  drain(): Promise<void>;
}

/**
 * Builds and connects all services, and starts the SFTP server last. Throws `conflict` (the root is in use),
 * `invalid` (settings) and `unavailable` (a port, the database, a directory).
 */
export async function assembleGateway(options: GatewayOptions): Promise<Gateway> {
  await using resources = new AsyncDisposableStack();
  const gateway = await assemble(options, resources);
  const owned = resources.move();
  return { ...gateway, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function assemble(
  options: GatewayOptions,
  resources: AsyncDisposableStack,
): Promise<Omit<Gateway, typeof Symbol.asyncDispose>> {
  const settings = await LiveSettings.open(options.root, options.embedded);
  const bucket = settings.requireBucket();
  const log = createLogger(options.logLevel ?? settings.current.logLevel, options.logSink ?? process.stderr);
  const inUse = `another gateway is already running on ${settings.paths.root}: stop it, or choose another --root`;
  resources.use(await lockRoot(settings, inUse));
  await refuseIncompleteRecovery(settings);
  // The server starts before the mirror. The mirror's first pass covers the events that it misses.
  const metrics = new GatewayMetrics();
  const events = new RecentEvents(systemClock, options.embedded, metrics);
  const embedded = options.embedded ? await startEmbedded(settings, options, log, events) : null;
  if (embedded !== null) resources.defer(() => embedded.close(settings.current.drainTimeoutMs));

  const background = new AbortController();
  const bounds = await connectionBounds(settings, log);
  const s3 = { ...s3OptionsOf(settings.current, embedded), maxSockets: bounds.maxS3Connections };
  const core = await buildCore(
    settings,
    s3,
    log,
    background,
    resources,
    (opened) => openGatewayAudit(settings, s3, opened, metrics, log, resources),
    'gateway',
    metrics,
  );
  if (!hasNativeCrypto) {
    options.output(
      'warning: the native ciphers of the SSH server are not built, transfers are slow: install a C++ compiler and run `npm ci`',
    );
  }
  if (settings.current.checksums === 'crc32c' && !hasNativeCrc32c) {
    options.output(
      'warning: @node-rs/crc32 has no binary for this machine, uploads carry CRC-32 instead of CRC-32C: run `npm ci` here, or set checksums=crc32',
    );
  }
  const allKeys = () => encryptionKeysOf(core, settings, [], log).all();
  const orphans = orphanSettlerOf(settings, core, allKeys);
  // Parked uploads must be this node's before they are shown.
  await orphans?.claim();
  const checkContext = { ...core, orphans, clock: systemClock, output: options.output };
  await Promise.all([
    checkStorage(core.call, {
      bucket,
      ...checkContext,
      allKeys,
      runningCommandsDirectory: settings.paths.runningCommandsDirectory,
    }),
    checkKeyring(core.call, checkContext),
    checkLedger(core.call, checkContext),
    checkDatabase(core.call, checkContext),
  ]);

  resources.defer(
    tuneHeapGrowth(() => {
      const { uploadMemoryBytes, readMemoryBytes, openUploads, openReaders } = core.vault.statistics;
      return { bytes: uploadMemoryBytes + readMemoryBytes, transfers: openUploads + openReaders };
    }),
  );
  const mirror = resources.use(buildMirror(settings, core, log, (name) => events.areRecent(name)));
  mirror.start();
  events.passTo(mirror);
  await startEventSources(settings, events, metrics, log, background, resources);
  const defence = await openLoginDefence(settings, log, core);
  resources.defer(() => defence.close());
  const live = liveSessions(settings, bounds);
  const nodes = await linkNodes(core, live, defence);
  const monitored = { settings, core, bucket, metrics, mirror, bans: defence, live, events };
  const monitoring = await startMonitoring(monitored, log, resources);
  const root = { ...core, settings, s3, log };
  let hostKeys: readonly string[] = [];
  const runner = await startControl(
    {
      ...{ root, mirror, bans: defence, sessions: nodes?.sessions ?? live, monitoring, isDemo: options.demo },
      hostKeys: () => hostKeys,
      s3Totals: () => metrics.s3Totals,
    },
    resources,
  );
  resources.defer(startRotations(core));
  await startWebhooks(settings, core, metrics, log, resources);
  const trees = treesOf(settings, core, mirror, nodes?.uploads ?? null);
  if (nodes !== null) serveReleases(nodes.sync, trees);
  orphans?.showParked((call, upload) => trees.parkedFiles.adopt(call, upload));
  await trees.parkedFiles.restore();
  const { sftpListen: listen } = options;
  const sftp = await startSftp(settings, {
    core,
    vfs: trees,
    defence,
    bounds,
    live,
    measures: metrics,
    log,
    ...(listen === undefined ? {} : { listen }),
  });
  resources.defer(() => sftp.close());
  const filesPage = await startFilesPage(settings, { core, vfs: trees, defence, live, log });
  resources.defer(() => filesPage?.close());
  hostKeys = sftp.hostKeyFingerprints;
  const consoleAddress = new ConsoleAddress(systemClock);
  const watching = [
    settings.watch(systemClock, log, background.signal, (change) =>
      core.scribe.note({ action: 'settings.change', target: settings.paths.propertiesFile, details: change }),
    ),
    startConsole(settings, { log, sink: options.logSink, address: consoleAddress }, background.signal),
    core.leases.run('bucket-copy', background.signal, (held) =>
      watchBucketCopy({ ...core, log, clock: systemClock }, held),
    ),
    endBarredSessions(core, live, systemClock),
    expireUploads(core.call, trees.parkedFiles, systemClock),
    core.userRoutes.watch(core.call, systemClock),
    ...(nodes === null ? [] : [nodes.sync.watch(core.call)]),
    ...(orphans === null ? [] : [orphans.watch(core.call), followJobs(core.call, runner, systemClock)]),
  ];
  resources.defer(async () => {
    background.abort();
    await Promise.all(watching);
  });
  return {
    sftpAddress: { host: sftp.address.address, port: sftp.address.port },
    embedded,
    bucket,
    demoLink: () => demoLinkOf(settings, core, consoleAddress),
    lost: core.database.lost,
    drain: async () => {
      monitoring.drain();
      await systemClock.sleep(settings.current.drainDelayMs);
      await Promise.all([sftp.drain(settings.current.drainTimeoutMs), filesPage?.close()]);
    },
  };
}

interface ConsoleParts {
  readonly log: Logger;
  readonly sink: LogSink | undefined;
  readonly address: ConsoleAddress;
}

function startConsole(
  settings: LiveSettings,
  { log, sink = process.stderr, address }: ConsoleParts,
  signal: AbortSignal,
): Promise<void> {
  const options = consoleOptionsOf(settings);
  const onListening = (text: string) => address.listening(text);
  const onEnded = () => address.ended();
  return options === null
    ? Promise.resolve()
    : runConsole(options, { log, sink, clock: systemClock, onListening, onEnded }, signal);
}

/** Returns the settler of other nodes' writes; null if one gateway uses the database. */
function orphanSettlerOf(
  { paths }: LiveSettings,
  { database, vault }: Core,
  allKeys: () => Promise<readonly CustomerKey[]>,
): OrphanSettler | null {
  if (database.owner === null) return null;
  const orphans = new LedgerOrphans(database, database.owner);
  const { runningCommandsDirectory } = paths;
  return new OrphanSettler({ orphans, vault, allKeys, runningCommandsDirectory, clock: systemClock });
}

function treesOf(
  { current }: LiveSettings,
  { users, vault, store, listedNames, ledger, parked, database }: Core,
  mirror: Mirror,
  nodes: NodeUploads | null,
): UploadingVfsFactory {
  const { renameLimit, uploadResumeWindowMs: resumeWindowMs, uploadResumeListed } = current;
  const versions = createLedgerVersions(database, systemClock, systemEntropy);
  const services = { users, vault, store, listedNames, ledger, versions, parked, mirror, nodes };
  return createVfsFactory({
    ...services,
    clock: systemClock,
    renameLimit,
    resumeWindowMs,
    listsParked: uploadResumeListed,
  });
}
