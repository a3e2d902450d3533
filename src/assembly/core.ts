import { auditedShared, auditedUsers } from '../audit/audited/users.js';
import type { AuditScribe } from '../audit/scribe.js';
import type { GatewaySettings } from '../config/settings.js';
import { Leases } from '../database/cluster/leases.js';
import type { GatewayDatabase } from '../database/database.js';
import { createKeyLedger } from '../database/ledger/ledger.js';
import { createParkedUploads } from '../database/ledger/parked.js';
import type { Call, Logger } from '../model/call.js';
import type { UserCredentials } from '../model/files-page.js';
import type { KeyLedger, LedgerDirectory } from '../model/ledger.js';
import { type Measures, noMeasures } from '../model/measures.js';
import type { ParkedUploads } from '../model/parked-uploads.js';
import type { UserLogins } from '../model/users/logins.js';
import type { AccountBars, SharedRegistry, UserDirectory, UserRegistry } from '../model/users.js';
import type { BucketCopy } from '../recovery/bucket-copy.js';
import { createS3ObjectStore, type S3ObjectStore } from '../s3/object-store.js';
import type { S3Credentials, S3StoreOptions } from '../s3/options.js';
import { StoreRoutes } from '../s3/routing/store-routes.js';
import { createSharedRegistry } from '../users/shared-registry.js';
import { createUsers, type Users } from '../users/user-directory.js';
import { createUserRegistry } from '../users/user-registry.js';
import { createVault, type RunningVault } from '../vault/create-vault.js';
import { ListedNames } from '../vfs/objects/listed-names.js';
import { backgroundCall } from './background-call.js';
import { createBucketCopy } from './bucket-copy.js';
import { type DatabaseUser, openRootDatabase } from './database.js';
import { createRootKeyring, type RootKeyring } from './keyring.js';
import { vaultLimitsOf } from './limits.js';
import type { LiveSettings } from './live-settings.js';
import { systemClock, systemEntropy } from './system.js';
import { createUserRoutes, type UserRoutes } from './user-routes.js';
import { buildUserServices, type UserServices } from './user-services.js';

/** The services that the SFTP server, the mirror and the commands use. */
export interface Core {
  /** The options of `store`, with the routes of users. */
  readonly s3: S3StoreOptions;
  readonly userRoutes: Pick<UserRoutes, 'watch'>;
  readonly store: S3ObjectStore;
  /** Learns the changes that `store` makes. */
  readonly listedNames: ListedNames;
  readonly database: GatewayDatabase;
  /** Runs work on one gateway at a time, if several share the database. */
  readonly leases: Leases;
  readonly ledger: KeyLedger & LedgerDirectory;
  readonly parked: ParkedUploads;
  readonly keyring: RootKeyring;
  readonly userServices: UserServices;
  readonly users: UserDirectory;
  readonly accounts: AccountBars;
  readonly logins: UserLogins & UserCredentials;
  readonly codes: Users['codes'];
  readonly registry: UserRegistry;
  readonly shared: SharedRegistry;
  readonly vault: RunningVault;
  readonly bucketCopy: BucketCopy;
  /** Records what the gateway or the command does. */
  readonly scribe: AuditScribe;
  /** The call of background work. */
  readonly call: Call;
}

/**
 * Opens the database of a root and builds all services on it. Disposing `resources` aborts `background`,
 * which ends all work. `openScribe` opens the audit trail. A gateway takes the
 * database for itself. `measures` counts requests to S3 and commits. Throws faults of the database.
 */
export async function buildCore(
  settings: LiveSettings,
  options: S3StoreOptions,
  log: Logger,
  background: AbortController,
  resources: AsyncDisposableStack,
  openScribe: (opened: Pick<Core, 'database' | 'store' | 'call'>) => Promise<AuditScribe>,
  databaseUser: DatabaseUser,
  measures: Measures = noMeasures,
): Promise<Core> {
  const database = await openRootDatabase(settings, databaseUser, measures);
  resources.defer(() => database.close());
  const call = backgroundCall(background.signal, systemEntropy, log);
  const routes = new StoreRoutes(() => settings.bucket);
  const { cluster, listingCacheMs } = settings.current;
  // The gateways of a cluster must find the files of each other at once. Workers tell each other what they change.
  const listedNames = new ListedNames(systemClock, cluster ? 0 : listingCacheMs);
  const s3 = { ...options, routes, measures, changes: listedNames };
  const store = resources.use(createS3ObjectStore(s3));
  const scribe = await openScribe({ database, store, call });
  const ledger = createKeyLedger(database, systemClock, systemEntropy);
  const parked = createParkedUploads(database, systemClock);
  const keyring = createRootKeyring(settings, log, scribe);
  const userServices = buildUserServices(settings, keyring, log);
  const { directory, logins, codes } = createUsers(userServices);
  const userRoutes = createUserRoutes(directory, userServices.directories, routes, () => settings.bucket);
  await userRoutes.refresh(call);
  const { users } = userRoutes;
  const vault = resources.use(
    createVault({
      store,
      ledger,
      parked,
      clock: systemClock,
      entropy: systemEntropy,
      limits: vaultLimitsOf(settings.current, processesOf(databaseUser)),
      scratchDirectory: settings.paths.scratchDirectory,
    }),
  );
  resources.defer(() => background.abort());
  const registry = auditedUsers(createUserRegistry(userServices), scribe);
  const shared = auditedShared(createSharedRegistry(userServices), scribe);
  const bucketCopy = createBucketCopy(settings, { store, keyring, parts: userServices, scribe });
  return {
    s3,
    userRoutes,
    store,
    listedNames,
    database,
    leases: new Leases(database, systemClock, log),
    ledger,
    parked,
    keyring,
    userServices,
    users,
    accounts: directory,
    logins,
    codes,
    registry,
    shared,
    vault,
    bucketCopy,
    scribe,
    call,
  };
}

/** Returns how many processes share the limits of the gateway. */
function processesOf(user: DatabaseUser): number {
  return user === 'command' ? 1 : (user.place?.count ?? 1);
}

/** The region of the embedded server if no setting names one. */
export const embeddedRegion = 'us-east-1';

/**
 * Returns the options of the S3 client: for the embedded server if there is one, otherwise from the settings.
 */
export function s3OptionsOf(
  settings: GatewaySettings,
  embedded: { readonly endpoint: string; readonly credentials: S3Credentials } | null,
): S3StoreOptions {
  const shared = {
    checksums: settings.checksums,
    keyTags: settings.ledgerTags === 'yes',
    connectTimeoutMs: settings.s3ConnectTimeoutMs,
    idleTimeoutMs: settings.s3IdleTimeoutMs,
    retry: { maxTotalMs: settings.s3RetryTimeMs },
    stsEndpoint: settings.stsEndpoint,
    clock: systemClock,
    entropy: systemEntropy,
  };
  if (embedded !== null) {
    const { endpoint } = embedded;
    // A copy, because the SDK adds the credentials' source to the object.
    const credentials = { ...embedded.credentials };
    return { ...shared, endpoint, credentials, region: settings.region ?? embeddedRegion, caFile: null };
  }
  return {
    ...shared,
    endpoint: settings.endpoint,
    region: settings.region,
    forcePathStyle: settings.endpointPathStyle,
    caFile: settings.endpointCaFile,
  };
}
