import {
  DirectoryInUse,
  type EmbeddedS3,
  readCredentials,
  startEmbeddedS3,
} from '../../embedded-s3/server.js';
import type { GatewayDatabase } from '../db/database.js';
import { openDatabase } from '../db/sqlite/open.js';
import { takeProcessLock } from '../db/sqlite/process-lock.js';
import type { EventSink } from '../events/event-sink.js';
import { ensureDirectory, secretDirectoryMode } from '../files/durable.js';
import { createKeyLedger } from '../ledger/ledger.js';
import { createObservedObjects } from '../ledger/observed.js';
import { createMirror, type Mirror } from '../mirror/mirror.js';
import { createMirrorState } from '../mirror-state/mirror-state.js';
import type { Call, Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { KeyLedger, LedgerDirectory } from '../model/ledger.js';
import type { UserDirectory, UserRegistry } from '../model/users.js';
import { createS3ObjectStore, type S3ObjectStore } from '../s3/object-store.js';
import type { S3StoreOptions } from '../s3/options.js';
import { type SftpServer, startSftpServer } from '../sftp/server.js';
import { nativeCryptoLoaded } from '../sftp/transport.js';
import { createMirrorSources } from '../users/mirror-sources.js';
import { createUserDirectory, type UserDirectoryParts } from '../users/user-directory.js';
import { createUserRegistry } from '../users/user-registry.js';
import { createVault, type RunningVault } from '../vault/create-vault.js';
import { createVfsFactory } from '../vfs/factory.js';
import { backgroundCall } from './background-call.js';
import { checkStorage } from './check-storage.js';
import { Closers } from './closers.js';
import { RecentEvents, startEventSources } from './event-sources.js';
import { letGarbageLie } from './heap.js';
import { mirrorSettingsOf, sftpLimitsOf, vaultLimitsOf } from './limits.js';
import { createLogger, type LogLevel } from './logger.js';
import { writeEmbeddedRun } from './run-file.js';
import { SettingsInForce } from './settings-in-force.js';
import { systemClock, systemEntropy } from './system.js';
import { userParts } from './user-parts.js';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface GatewayOptions {
  readonly root: string;
  /** Runs the embedded S3 server in the same process, and keeps the objects there. */
  readonly embedded: boolean;
  /** Over the settings `sftp.listen`, `s3.listen` and `log.level`. */
  readonly sftpListen?: ListenAddress;
  readonly s3Listen?: ListenAddress;
  readonly logLevel?: LogLevel;
  /** Takes the lines meant for a person. The log goes to stderr. */
  readonly output: (line: string) => void;
}

/** A running gateway. Disposing it ends everything at once; `drain` first lets uploads finish. */
export interface Gateway extends AsyncDisposable {
  readonly sftpAddress: ListenAddress;
  /** Null when S3 is somewhere else. */
  readonly embedded: EmbeddedS3 | null;
  /** The default bucket as it was at the start. */
  readonly bucket: string;
  drain(): Promise<void>;
}

/**
 * Builds every adapter, hands each what it needs, and opens the door last. The only place that knows all the rooms.
 * Faults: `conflict` (the root is in use), `invalid` (settings), `unavailable` (a port, the database, a directory).
 */
export async function assembleGateway(options: GatewayOptions): Promise<Gateway> {
  const closers = new Closers();
  try {
    return await assemble(options, closers);
  } catch (error) {
    await closers[Symbol.asyncDispose]();
    throw error;
  }
}

async function assemble(options: GatewayOptions, closers: Closers): Promise<Gateway> {
  const settings = await SettingsInForce.open(options.root, options.embedded);
  const bucket = settings.requireBucket();
  const log = createLogger(options.logLevel ?? settings.current.logLevel, process.stderr);
  await lockRoot(settings, closers);
  // The server starts before there is a mirror to tell: the mirror's first look at everything makes up for it.
  const events = new RecentEvents(systemClock, options.embedded);
  const embedded = options.embedded ? await startEmbedded(settings, options, log, events) : null;
  if (embedded !== null) closers.add(() => embedded.close(settings.current.drainTimeoutMs));

  const background = new AbortController();
  const s3 = s3OptionsOf(settings, embedded);
  const core = await buildCore(settings, s3, log, background, closers);
  if (!nativeCryptoLoaded()) {
    options.output(
      'warning: the native crypto of ssh2 is not built, transfers are slow: run `npm rebuild ssh2`',
    );
  }
  await checkStorage(core.call, { bucket, s3, ...core, clock: systemClock, output: options.output });

  closers.add(
    letGarbageLie(() => {
      const { uploadMemoryBytes, readMemoryBytes, openUploads, openReaders } = core.vault.statistics;
      return { bytes: uploadMemoryBytes + readMemoryBytes, transfers: openUploads + openReaders };
    }),
  );
  const mirror = closers.use(buildMirror(settings, core, log, events));
  mirror.start();
  events.passTo(mirror);
  await startEventSources(settings, events, log, background, closers);
  const sftp = await openDoor(settings, options, core, log);
  closers.add(() => sftp.close());
  const watching = settings.watch(systemClock, log, background.signal);
  closers.add(() => {
    background.abort();
    return watching;
  });
  return {
    sftpAddress: { host: sftp.address.address, port: sftp.address.port },
    embedded,
    bucket,
    drain: () => sftp.drain(settings.current.drainTimeoutMs),
    [Symbol.asyncDispose]: () => closers[Symbol.asyncDispose](),
  };
}

/** What the doors and the mirror stand on. */
interface Core {
  readonly store: S3ObjectStore;
  readonly database: GatewayDatabase;
  readonly ledger: KeyLedger & LedgerDirectory;
  readonly parts: UserDirectoryParts;
  readonly users: UserDirectory;
  readonly registry: UserRegistry;
  readonly vault: RunningVault;
  /** The call of work that nobody asked for. */
  readonly call: Call;
}

async function buildCore(
  settings: SettingsInForce,
  s3: S3StoreOptions,
  log: Logger,
  background: AbortController,
  closers: Closers,
): Promise<Core> {
  const store = closers.use(createS3ObjectStore(s3));
  const database = await openDatabase(settings.paths.databaseFile);
  closers.add(() => database.close());
  const ledger = createKeyLedger(database, systemClock, systemEntropy);
  const parts = userParts(settings, log);
  const vault = closers.use(
    createVault({
      store,
      ledger,
      clock: systemClock,
      entropy: systemEntropy,
      limits: vaultLimitsOf(settings.current),
      scratchDirectory: settings.paths.scratchDirectory,
    }),
  );
  closers.add(() => background.abort());
  const call = backgroundCall(background.signal, systemEntropy, log);
  const users = createUserDirectory(parts);
  return { store, database, ledger, parts, users, registry: createUserRegistry(parts), vault, call };
}

function buildMirror(settings: SettingsInForce, core: Core, log: Logger, events: RecentEvents): Mirror {
  const { sharedSettingsDirectory } = settings.paths;
  return createMirror({
    sources: createMirrorSources({ ...core.parts, ...core, sharedSettingsDirectory }),
    store: core.store,
    vault: core.vault,
    state: createMirrorState(core.database),
    observed: createObservedObjects(core.database, systemClock, systemEntropy),
    clock: systemClock,
    entropy: systemEntropy,
    log,
    settings: () => mirrorSettingsOf(settings.current),
    hasEvents: (bucket) => events.arriveFor(bucket),
  });
}

async function openDoor(
  settings: SettingsInForce,
  options: GatewayOptions,
  { users, vault, store, ledger }: Core,
  log: Logger,
): Promise<SftpServer> {
  const sftp = await startSftpServer({
    ...(options.sftpListen ?? settings.current.sftpListen),
    hostKeyDirectory: settings.paths.hostKeyDirectory,
    users,
    vfs: createVfsFactory({ users, vault, store, ledger, clock: systemClock }),
    log,
    clock: systemClock,
    entropy: systemEntropy,
    limits: sftpLimitsOf(settings.current),
  });
  for (const fingerprint of sftp.hostKeyFingerprints) log.info('host key', { fingerprint });
  return sftp;
}

async function lockRoot({ paths }: SettingsInForce, closers: Closers): Promise<void> {
  for (const directory of [paths.stateDirectory, paths.scratchDirectory]) {
    await ensureDirectory(directory, secretDirectoryMode);
  }
  const inUse = `another gateway is already running on ${paths.root}: stop it, or choose another --root`;
  const lock = takeProcessLock(paths.lockFile, inUse);
  closers.add(() => lock.release());
}

function s3OptionsOf({ current }: SettingsInForce, embedded: EmbeddedS3 | null): S3StoreOptions {
  const shared = {
    checksums: current.checksums,
    connectTimeoutMs: current.s3ConnectTimeoutMs,
    idleTimeoutMs: current.s3IdleTimeoutMs,
    clock: systemClock,
    entropy: systemEntropy,
  };
  if (embedded !== null) {
    const { endpoint } = embedded;
    // The SDK notes down in the object where the credentials came from.
    const credentials = { ...embedded.credentials };
    return { ...shared, endpoint, credentials, region: current.region ?? embeddedRegion, caFile: null };
  }
  return {
    ...shared,
    endpoint: current.endpoint,
    region: current.region,
    forcePathStyle: current.endpointPathStyle,
    caFile: current.endpointCaFile,
  };
}

const embeddedRegion = 'us-east-1';

/**
 * Starts the embedded S3 server of a root, with the default bucket in it. Faults: `conflict` when the root's server already
 * runs, `unavailable` when it cannot listen or its data cannot be used.
 */
export async function startEmbedded(
  settings: SettingsInForce,
  options: Pick<GatewayOptions, 's3Listen'>,
  log: Logger,
  events: EventSink | null = null,
): Promise<EmbeddedS3> {
  const listen = options.s3Listen ?? settings.current.s3Listen;
  const region = settings.current.region ?? embeddedRegion;
  const bucket = settings.requireBucket();
  try {
    const embedded = await startEmbeddedS3({
      directory: settings.paths.embeddedS3Directory,
      listen,
      region,
      onObjectEvent: (event) => events?.nudge(event.bucket, event.key),
      log: ({ level, message, ...fields }) => log[level](message, loggable(fields)),
    });
    await embedded.ensureBucket(bucket);
    await writeEmbeddedRun(settings.paths.runFile, { endpoint: embedded.endpoint, region, bucket });
    return embedded;
  } catch (error) {
    if (error instanceof DirectoryInUse) throw new Fault('conflict', error.message, { cause: error });
    const what = error instanceof Error ? error.message : String(error);
    throw new Fault(
      'unavailable',
      `the embedded S3 server cannot start on ${listen.host} port ${listen.port}: ${what}`,
      {
        cause: error,
      },
    );
  }
}

function loggable(
  fields: Readonly<Record<string, unknown>>,
): Record<string, string | number | boolean | null> {
  const kept: Record<string, string | number | boolean | null> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === null || ['string', 'number', 'boolean'].includes(typeof value)) {
      kept[name] = value as string | number | boolean | null;
    } else if (value instanceof Error) kept[name] = `${value.name}: ${value.message}`;
  }
  return kept;
}

/** The credentials of a root's embedded S3 server; null before its first start. */
export function embeddedCredentials(settings: SettingsInForce): ReturnType<typeof readCredentials> {
  return readCredentials(settings.paths.embeddedS3Directory);
}
