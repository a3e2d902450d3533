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
import { createLedgerVersions } from '../database/ledger/versions.js';
import type { Mirror } from '../mirror/mirror.js';
import { encryptionKeysOf } from '../operations/object-services.js';
import { startRotations } from '../operations/rotation.js';
import { hasNativeCrypto } from '../sftp/native-crypto.js';
import { createVfsFactory, type UploadingVfsFactory } from '../vfs/factory.js';
import { checkKeyring } from './check-keyring.js';
import { checkLedger } from './check-ledger.js';
import { checkStorage } from './check-storage.js';
import { startControl } from './control.js';
import { RecentEvents, startEventSources } from './event-sources.js';
import { expireUploads } from './expire-uploads.js';
import { tuneHeapGrowth } from './heap-growth.js';
import { connectionBounds, openLoginDefence, startSftp } from './sftp.js';

/** The command-line options of a gateway, and the receivers of its output. */
export interface GatewayOptions {
  readonly root: string;
  /** Runs the embedded S3 server in the same process and stores the objects in it. */
  readonly embedded: boolean;
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
  /** Stops accepting connections and waits until uploads are finished, for `drain.timeout` at most. */
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
  const events = new RecentEvents(systemClock, options.embedded);
  const embedded = options.embedded ? await startEmbedded(settings, options, log, events) : null;
  if (embedded !== null) resources.defer(() => embedded.close(settings.current.drainTimeoutMs));

  const background = new AbortController();
  const bounds = await connectionBounds(settings, log);
  const s3 = { ...s3OptionsOf(settings.current, embedded), maxSockets: bounds.maxS3Connections };
  const core = await buildCore(settings, s3, log, background, resources);
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
  const checkContext = { ...core, clock: systemClock, output: options.output };
  await Promise.all([
    checkStorage(core.call, {
      bucket,
      s3,
      ...checkContext,
      allKeys: () => encryptionKeysOf(core, settings, [], log).all(),
      runningCommandsDirectory: settings.paths.runningCommandsDirectory,
    }),
    checkKeyring(core.call, checkContext),
    checkLedger(core.call, checkContext),
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
  await startEventSources(settings, events, log, background, resources);
  const defence = await openLoginDefence(settings, log);
  resources.defer(() => defence.close());
  await startControl(settings, { mirror, bans: defence }, log, resources);
  resources.defer(startRotations(core));
  const trees = treesOf(settings, core, mirror);
  await trees.parkedFiles.restore();
  const { sftpListen: listen } = options;
  const sftp = await startSftp(settings, {
    core,
    vfs: trees,
    defence,
    bounds,
    log,
    ...(listen === undefined ? {} : { listen }),
  });
  resources.defer(() => sftp.close());
  const watching = [
    settings.watch(systemClock, log, background.signal),
    watchBucketCopy({ ...core, log, clock: systemClock }, background.signal),
    expireUploads(core.call, trees.parkedFiles, systemClock),
  ];
  resources.defer(async () => {
    background.abort();
    await Promise.all(watching);
  });
  return {
    sftpAddress: { host: sftp.address.address, port: sftp.address.port },
    embedded,
    bucket,
    drain: () => sftp.drain(settings.current.drainTimeoutMs),
  };
}

function treesOf(
  { current }: LiveSettings,
  { users, vault, store, ledger, parked, database }: Core,
  mirror: Mirror,
): UploadingVfsFactory {
  const { renameLimit, uploadResumeWindowMs: resumeWindowMs } = current;
  const versions = createLedgerVersions(database, systemClock, systemEntropy);
  const services = { users, vault, store, ledger, versions, parked, mirror, clock: systemClock };
  return createVfsFactory({ ...services, renameLimit, resumeWindowMs });
}
