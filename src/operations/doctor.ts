import { hasNativeCrc32c } from '@sftpgw/checksums';
import { remoteMirror } from '../api/control-client.js';
import { mirrorStateOf } from '../assembly/mirror.js';
import { systemClock, systemEntropy } from '../assembly/system.js';
import { forEachBounded } from '../concurrency/bounded.js';
import { ClusterRoot } from '../database/cluster/cluster-root.js';
import { createKeyUsage } from '../database/ledger/key-usage.js';
import { bucketCopyCheck } from '../doctor/bucket-copy-check.js';
import { bucketSettingsCheck } from '../doctor/bucket-settings-check.js';
import { type Check, runChecks } from '../doctor/check.js';
import { databaseCheck } from '../doctor/database-check.js';
import { bySeverity, type DoctorFinding } from '../doctor/finding.js';
import { keyFilesCheck } from '../doctor/key-files-check.js';
import { keyringCheck } from '../doctor/keyring-check.js';
import { ledgerCheck } from '../doctor/ledger-check.js';
import { loginKeysCheck } from '../doctor/login-keys-check.js';
import { machineCheck } from '../doctor/machine-check.js';
import { mirrorCheck } from '../doctor/mirror-check.js';
import { roundTripCheck } from '../doctor/round-trip-check.js';
import { runtimeCheck } from '../doctor/runtime-check.js';
import { sharedFilesCheck } from '../doctor/shared-files-check.js';
import { storageCheck } from '../doctor/storage-check.js';
import { usersCheck } from '../doctor/users-check.js';
import { webhooksCheck } from '../doctor/webhooks-check.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import { parseUsername, type Username } from '../model/users.js';
import { createBucketAdministration } from '../s3/bucket/bucket-administration.js';
import { createS3ObjectStore } from '../s3/object-store.js';
import type { S3StoreOptions } from '../s3/options.js';
import { routeOptions } from '../s3/routing/route-options.js';
import { hasNativeCrypto } from '../sftp/native-crypto.js';
import { globalKeyFilesOf } from '../users/defaults.js';
import { GlobalKeys } from '../users/logins/global-keys.js';
import type { RootServices } from './open-root.js';
import { bucketsOf, usesSseC } from './policies/storage-needs.js';
import { rawKeyFiles } from './raw-key-files.js';
import { storageNeedsOf } from './storage-needs.js';
import { webhooksOf } from './webhooks.js';

export type { DoctorFinding };

/** Scope of the checks, and the receiver of progress. */
export interface DoctorRequest {
  /** Checks only the uploads of these users; null checks everything. */
  readonly users: readonly string[] | null;
  /** The users whose files and uploads are checked if `users` is null. `auto`: all, or a sample of many. */
  readonly scope: 'auto' | 'sample' | 'all';
  readonly onCheck: (name: string) => void;
}

/** Users beyond which `auto` checks a sample, and the size of a sample. */
const maxUsers = 200;
const sampleUsers = 20;
/** Keys that a check of a sample opens. */
const sampleKeys = 50;
/** Users whose uploads are checked in parallel. */
const parallelUsers = 8;

/** Key files read in parallel. */
const parallelReads = 16;

/** A person waits for the result, so two attempts within 15 seconds are enough. */
const patience = { maxAttempts: 2, maxTotalMs: 15_000 };

/**
 * Checks a whole root: S3, a round trip for each user, keys, ledger, files and the machine. Writes small
 * objects and removes them. Returns the findings, the most severe first. Throws `cancelled`, `invalid` for a
 * malformed user name and `not-found` for an unknown one.
 */
export async function runDoctor(
  root: RootServices,
  request: DoctorRequest,
): Promise<readonly DoctorFinding[]> {
  await using resources = new AsyncDisposableStack();
  const s3 = { ...root.s3, retry: patience };
  const administration = resources.use(createBucketAdministration(s3));
  await using store = createS3ObjectStore(s3);
  const all = (await root.registry.locations()).map(({ username }) => username);
  const usernames = request.users?.map((name) => requireUser(name, all)) ?? chosen(all, request.scope);
  const isSample = request.users === null && usernames.length < all.length;
  const findings = isSample ? [sampledFinding(usernames.length, all.length)] : [];
  if (request.users === null) {
    const checks = [
      ...gatewayChecks(root, usernames, isSample),
      ...(await bucketChecks(root, s3, resources)),
    ];
    findings.push(...(await runChecks(root.call, checks, request.onCheck)));
  }
  const { users } = root;
  const uploads = usernames.map((username) =>
    roundTripCheck({ store, users, buckets: administration, entropy: systemEntropy }, username),
  );
  findings.push(...(await runChecks(root.call, uploads, request.onCheck, parallelUsers)));
  return bySeverity(findings);
}

/** Returns all users or a sample: neighbours in the list are in different samples. */
function chosen(all: readonly Username[], scope: DoctorRequest['scope']): readonly Username[] {
  if (scope === 'all' || all.length <= sampleUsers || (scope === 'auto' && all.length <= maxUsers))
    return all;
  const stride = Math.ceil(all.length / sampleUsers);
  const first = Math.floor(systemClock.nowMs() / 1000) % stride;
  return all.filter((_, index) => index % stride === first);
}

function sampledFinding(checked: number, all: number): DoctorFinding {
  return {
    code: 'users-sampled',
    severity: 'notice',
    subject: 'gateway',
    what: `${checked} of ${all} users were checked, and ${sampleKeys} keys or fewer were opened.`,
    why: 'A problem of another user or key stays unnoticed. Every run checks other users.',
    whatToDo: 'Run `sftpgw doctor --all` to check every user.',
  };
}

function gatewayChecks(
  root: RootServices,
  usernames: readonly Username[],
  isSample: boolean,
): readonly Check[] {
  const { settings, registry, database, keyring, ledger } = root;
  const { paths, current } = settings;
  return [
    runtimeCheck(process.versions.node, () => systemClock.nowMs()),
    machineCheck({
      hasNativeCrypto,
      hasNativeCrc32c,
      sendsCrc32c: current.checksums === 'crc32c',
      secretPaths: [
        paths.stateDirectory,
        paths.databaseFile,
        paths.eventSecretFile,
        paths.keyringIdentityFile,
        ...(current.databasePasswordFile === null ? [] : [current.databasePasswordFile]),
      ],
      secretDirectories: [paths.hostKeyDirectory],
      mirrorDirectory: paths.homes,
      mirrorReserveBytes: current.mirrorReserveBytes,
      settingsProblems: settings.notices,
    }),
    usersCheck(registry, usernames, () => settings.bucket),
    loginKeysCheck(() => new GlobalKeys(() => globalKeyFilesOf(root.userServices.defaults())).problems()),
    keyFilesCheck({
      keyFiles: () => rawKeyFiles(root, usernames),
      load: (path) => root.userServices.keyFiles.load(path),
      describe: (id) => keyring.describe(id),
    }),
    keyringCheck(keyring, keyring, isSample ? sampleKeys : Infinity),
    bucketCopyCheck(root.bucketCopy),
    webhooksCheck(() => webhooksOf(root).list()),
    databaseCheck(database),
    sharedFilesCheck(current.cluster, () => new ClusterRoot(database).status()),
    ledgerCheck({
      ledger,
      usage: createKeyUsage(database, systemClock),
      sealedKeys: () => sealedKeys(root),
      rawKeys: () => rawKeys(root),
      clock: systemClock,
    }),
    mirrorCheck(mirrorStateOf(root.settings, root), () =>
      remoteMirror(paths.controlSocket, root.call.signal)
        .liveStatus()
        .catch(() => []),
    ),
  ];
}

async function bucketChecks(
  root: RootServices,
  s3: S3StoreOptions,
  resources: AsyncDisposableStack,
): Promise<readonly Check[]> {
  const needs = await storageNeedsOf(root, 'leave-out');
  const checks: Check[] = [];
  for (const bucket of bucketsOf(needs)) {
    const sseC = usesSseC(needs, bucket);
    // Each access has its own permissions.
    for (const route of s3.routes?.accessesOf(bucket) ?? [null]) {
      const options = routeOptions(s3, route);
      const administration = resources.use(createBucketAdministration(options));
      const name = route === null ? bucket : `${bucket} as ${route.access.roleArn ?? 'set for a user'}`;
      checks.push(
        storageCheck(options, bucket, sseC, name),
        bucketSettingsCheck(administration, bucket, sseC, name),
      );
    }
  }
  return checks;
}

function requireUser(name: string, all: readonly Username[]): Username {
  const username = parseUsername(name);
  if (all.includes(username)) return username;
  throw new Fault('not-found', `there is no user ${username}: see \`sftpgw user list\``);
}

async function sealedKeys({ keyring }: RootServices): Promise<ReadonlySet<KeyFingerprint>> {
  const keys = await keyring.list();
  return new Set(keys.filter(({ state }) => state !== 'destroyed').map(({ id }) => id));
}

/** Returns every key in a raw file of a user or of the shared directory. */
async function rawKeys(root: RootServices): Promise<ReadonlySet<KeyFingerprint>> {
  const known = new Set<KeyFingerprint>();
  await forEachBounded(root.call.signal, await rawKeyFiles(root), parallelReads, async ({ path }) => {
    for (const { fingerprint } of await root.userServices.keyFiles.loadAll(path)) known.add(fingerprint);
  });
  return known;
}
