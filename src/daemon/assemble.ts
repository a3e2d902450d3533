import { watchBucketCopy } from '../assembly/bucket-copy.js';
import { buildCore, type Core, s3OptionsOf } from '../assembly/core.js';
import { LiveSettings } from '../assembly/live-settings.js';
import { createLogger } from '../assembly/logger.js';
import { buildMirror } from '../assembly/mirror.js';
import { refuseIncompleteRecovery } from '../assembly/recovery-marker.js';
import { lockRoot, rootInUse } from '../assembly/root-lock.js';
import { systemClock, systemEntropy } from '../assembly/system.js';
import type { ListenAddress } from '../config/values.js';
import { LedgerOrphans } from '../database/ledger/orphans.js';
import { createLedgerVersions } from '../database/ledger/versions.js';
import type { LiveSessions } from '../live/live-sessions.js';
import { GatewayMetrics } from '../metrics/gateway-metrics.js';
import type { Logger } from '../model/call.js';
import type { CustomerKey } from '../model/customer-key.js';
import type { Fault } from '../model/fault.js';
import type { MirrorRemoval, MirrorUse } from '../model/mirror.js';
import type { NodeUploads } from '../model/parked-uploads.js';
import { encryptionKeysOf } from '../operations/object-services.js';
import { startRotations } from '../operations/rotation.js';
import { createVfsFactory, type UploadingVfsFactory } from '../vfs/factory.js';
import { openGatewayAudit } from './audit.js';
import { endBarredSessions } from './barred-sessions.js';
import { checkStart } from './checks/start-checks.js';
import { ConsoleAddress } from './console-address.js';
import { demoLinkOf } from './demo-link.js';
import { type EmbeddedServer, embeddedOf } from './embedded.js';
import { RecentEvents } from './event-sources.js';
import { expireUploads } from './expire-uploads.js';
import type { GatewayOptions } from './gateway-options.js';
import { tuneHeapGrowth } from './heap-growth.js';
import { startLeadWork } from './lead-work.js';
import { createMonitoring } from './monitoring.js';
import { receiveFiles } from './nodes/replicate.js';
import { linkNodes } from './nodes/start.js';
import { serveReleases } from './nodes/upload-release.js';
import { OrphanSettler } from './orphan-settler.js';
import { connectionBounds, liveSessions, openLoginDefence, startSftp } from './sftp.js';
import { startWebhooks } from './webhooks.js';
import { Lead } from './workers/lead.js';
import { shareCodes } from './workers/shared-codes.js';
import { shareMetrics } from './workers/shared-metrics.js';
import { SharedMirror } from './workers/shared-mirror.js';
import { shareNames } from './workers/shared-names.js';

/** A running gateway. Disposing it stops everything at once. */
export interface Gateway extends AsyncDisposable {
  readonly sftpAddress: ListenAddress;
  /** Null if objects are stored in another S3 server. */
  readonly embedded: EmbeddedServer | null;
  /** The default bucket at the start. */
  readonly bucket: string;
  /** Returns a link with which someone on this machine logs in at a demo's console once; null without a console. */
  demoLink(): Promise<string | null>;
  /** Resolves when another gateway has taken over the database: this one must end. */
  readonly lost: Promise<Fault>;
  /** Ends the work of the lead, so that another process can do it. */
  resign(): Promise<void>;
  /** Resolves when there are no sessions, after `drain.timeout` at most. */
  sessionsEnded(): Promise<void>;
  /**
   * Lets `/readyz` fail for `drain.delay`, then stops accepting connections and waits until uploads are finished, for
   * `drain.timeout` at most.
   */
  drain(): Promise<void>;
  /** Ends all sessions at once, and parks what they upload. */
  endSessions(): Promise<void>;
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
  const { worker = null } = options;
  const settings = await openSettings(options, resources);
  const bucket = settings.requireBucket();
  const log = gatewayLog(options, settings);
  // The server starts before the mirror. The mirror's first pass covers the events that it misses.
  const metrics = new GatewayMetrics();
  const events = new RecentEvents(systemClock, options.embedded, metrics);
  const embedded = await embeddedOf(options, settings, log, events, resources);

  const background = new AbortController();
  const bounds = await connectionBounds(settings, log, worker?.link.place.count ?? 1);
  const s3 = { ...s3OptionsOf(settings.current, embedded), maxSockets: bounds.maxS3Connections };
  const core = await buildCore(
    settings,
    s3,
    log,
    background,
    resources,
    (opened) => openGatewayAudit(settings, s3, opened, metrics, log, resources, worker),
    { place: worker?.link.place ?? null },
    metrics,
  );
  const allKeys = () => encryptionKeysOf(core, settings, [], log).all();
  const orphans = orphanSettlerOf(settings, core, allKeys);
  // Parked uploads must be this node's before they are shown.
  await orphans?.claim();
  // The first worker checks for all.
  if (worker?.isFirst !== false)
    await checkStart(core, { settings, bucket, orphans, allKeys, output: options.output });

  resources.defer(
    tuneHeapGrowth(() => {
      const { uploadMemoryBytes, readMemoryBytes, openUploads, openReaders } = core.vault.statistics;
      return { bytes: uploadMemoryBytes + readMemoryBytes, transfers: openUploads + openReaders };
    }),
  );
  const mirror = buildMirror(settings, core, log, (name) => events.areRecent(name));
  const defence = await openLoginDefence(settings, log, core);
  resources.defer(async () => {
    // The last one to end saves what all have learned.
    await defence.sync().catch(() => undefined);
    await defence.close();
  });
  const live = liveSessions(settings, bounds);
  const nodes = await linkNodes(core, live, defence, worker?.link.place ?? null);
  const slot = worker?.link.place.slot ?? 1;
  const monitored = { settings, slot, core, bucket, metrics, mirror, bans: defence, live, events };
  const monitoring = createMonitoring(monitored, log, resources);
  if (worker !== null) {
    shareMetrics(worker.link, metrics);
    shareCodes(worker.link, core.codes);
    shareNames(worker.link, core.listedNames);
  }
  const root = { ...core, settings, s3, log };
  resources.defer(startRotations(core));
  await startWebhooks(settings, core, metrics, log, resources);
  const sharedMirror = worker === null ? mirror : new SharedMirror(worker.link, mirror, core.call);
  const trees = treesOf(settings, core, sharedMirror, nodes?.uploads ?? null);
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
    ...(worker === null ? {} : { incoming: worker.link }),
  });
  resources.defer(() => sftp.close());
  const consoleAddress = new ConsoleAddress(systemClock);
  const { demo: isDemo, logSink: sink } = options;
  const lead = resources.use(
    new Lead(worker?.link ?? null, () =>
      startLeadWork({
        ...{ settings, core, root, mirror, events, metrics, monitoring, defence, live, trees, sftp },
        sessions: nodes?.sessions ?? live,
        ...{ isDemo, consoleAddress, log, sink },
      }),
    ),
  );
  await lead.start();
  const watching = [
    settings.watch(systemClock, log, background.signal, (change) => {
      if (!lead.isHere) return;
      core.scribe.note({ action: 'settings.change', target: settings.paths.propertiesFile, details: change });
    }),
    core.leases.run('bucket-copy', background.signal, (held) =>
      watchBucketCopy({ ...core, log, clock: systemClock }, held),
    ),
    endBarredSessions(core, live, systemClock),
    expireUploads(core.call, trees.parkedFiles, systemClock),
    core.userRoutes.watch(core.call, systemClock),
    ...(nodes === null ? [] : [nodes.sync.watch(core.call)]),
    ...(orphans === null ? [] : [orphans.watch(core.call)]),
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
    lost: Promise.race([core.database.lost, lead.lost]),
    resign: () => lead[Symbol.asyncDispose](),
    sessionsEnded: () => sessionsEnded(live, settings.current.drainTimeoutMs),
    endSessions: () => sftp.drain(0),
    drain: async () => {
      monitoring.drain();
      await systemClock.sleep(settings.current.drainDelayMs);
      await Promise.all([sftp.drain(settings.current.drainTimeoutMs), lead.closeFilesPage()]);
    },
  };
}

/** Opens the settings, after the files of the root have become those of its cluster. */
async function openSettings(options: GatewayOptions, resources: AsyncDisposableStack): Promise<LiveSettings> {
  const { root, embedded, worker = null } = options;
  const settings = await LiveSettings.open(root, embedded);
  settings.requireBucket();
  // The supervisor has the lock for its workers.
  if (worker === null) resources.use(await lockRoot(settings, rootInUse(settings.paths.root)));
  await refuseIncompleteRecovery(settings);
  if (worker?.isFirst === false || !settings.current.cluster) return settings;
  await receiveFiles(settings, gatewayLog(options, settings));
  return await LiveSettings.open(root, embedded);
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
  mirror: MirrorRemoval & MirrorUse,
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

function gatewayLog({ logLevel, logSink, worker = null }: GatewayOptions, { current }: LiveSettings): Logger {
  const log = createLogger(logLevel ?? current.logLevel, logSink ?? process.stderr);
  return worker === null ? log : log.child({ worker: worker.link.place.slot });
}

const sessionCheckMs = 100;

async function sessionsEnded(live: LiveSessions, timeoutMs: number): Promise<void> {
  const untilMs = systemClock.monotonicMs() + timeoutMs;
  while (live.count > 0 && systemClock.monotonicMs() < untilMs) await systemClock.sleep(sessionCheckMs);
}
