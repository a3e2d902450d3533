import { hasNativeCrc32c } from '@sftpgw/checksums';
import { systemClock, systemEntropy } from '../assembly/system.js';
import { createKeyUsage } from '../database/ledger/key-usage.js';
import { createMirrorState } from '../database/mirror-state/mirror-state.js';
import { bucketCopyCheck } from '../doctor/bucket-copy-check.js';
import { bucketSettingsCheck } from '../doctor/bucket-settings-check.js';
import { type Check, runChecks } from '../doctor/check.js';
import { bySeverity, type DoctorFinding } from '../doctor/finding.js';
import { keyFilesCheck } from '../doctor/key-files-check.js';
import { keyringCheck } from '../doctor/keyring-check.js';
import { ledgerCheck } from '../doctor/ledger-check.js';
import { loginKeysCheck } from '../doctor/login-keys-check.js';
import { machineCheck } from '../doctor/machine-check.js';
import { mirrorCheck } from '../doctor/mirror-check.js';
import { roundTripCheck } from '../doctor/round-trip-check.js';
import { runtimeCheck } from '../doctor/runtime-check.js';
import { storageCheck } from '../doctor/storage-check.js';
import { usersCheck } from '../doctor/users-check.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import { Fault } from '../model/fault.js';
import { parseUsername, type Username } from '../model/users.js';
import { type BucketAdministration, createBucketAdministration } from '../s3/bucket/bucket-administration.js';
import { createS3ObjectStore } from '../s3/object-store.js';
import type { S3StoreOptions } from '../s3/options.js';
import { hasNativeCrypto } from '../sftp/native-crypto.js';
import { globalKeyFilesOf } from '../users/defaults.js';
import { GlobalKeys } from '../users/logins/global-keys.js';
import type { OpenRoot } from './open-root.js';
import { bucketsOf, usesSseC } from './policies/storage-needs.js';
import { rawKeyFiles } from './raw-key-files.js';
import { storageNeedsOf } from './storage-needs.js';

export type { DoctorFinding };

/** Scope of the checks, and the receiver of progress. */
export interface DoctorRequest {
  /** Checks only the uploads of these users; null checks everything. */
  readonly users: readonly string[] | null;
  readonly onCheck: (name: string) => void;
}

/** A person waits for the result, so two attempts within 15 seconds are enough. */
const patience = { maxAttempts: 2, maxTotalMs: 15_000 };

/**
 * Checks a whole root: S3, a round trip for each user, keys, ledger, files and the machine. Writes small
 * objects and removes them. Returns the findings, the most severe first. Throws `cancelled`, `invalid` for a
 * malformed user name and `not-found` for an unknown one.
 */
export async function runDoctor(root: OpenRoot, request: DoctorRequest): Promise<readonly DoctorFinding[]> {
  const s3 = { ...root.s3, retry: patience };
  await using administration = createBucketAdministration(s3);
  await using store = createS3ObjectStore(s3);
  const checks = [
    ...(request.users === null ? gatewayChecks(root) : []),
    ...(await storageChecks({ ...root, store }, s3, administration, request.users)),
  ];
  return bySeverity(await runChecks(root.call, checks, request.onCheck));
}

function gatewayChecks(root: OpenRoot): readonly Check[] {
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
      ],
      secretDirectories: [paths.hostKeyDirectory],
      mirrorDirectory: paths.homes,
      mirrorReserveBytes: current.mirrorReserveBytes,
      settingsProblems: settings.notices,
    }),
    usersCheck(registry, () => settings.bucket),
    loginKeysCheck(() => new GlobalKeys(() => globalKeyFilesOf(root.userServices.defaults())).problems()),
    keyFilesCheck({
      keyFiles: () => rawKeyFiles(root),
      load: (path) => root.userServices.keyFiles.load(path),
      describe: (id) => keyring.describe(id),
    }),
    keyringCheck(keyring, keyring),
    bucketCopyCheck(root.bucketCopy),
    ledgerCheck({
      ledger,
      usage: createKeyUsage(database, systemClock),
      knownKeys: () => knownKeys(root),
      clock: systemClock,
    }),
    mirrorCheck(createMirrorState(database)),
  ];
}

async function storageChecks(
  root: OpenRoot,
  s3: S3StoreOptions,
  administration: BucketAdministration,
  only: readonly string[] | null,
): Promise<readonly Check[]> {
  const { store, users } = root;
  const needs = await storageNeedsOf(root, 'leave-out');
  const checks: Check[] = [];
  if (only === null) {
    for (const bucket of bucketsOf(needs)) {
      const sseC = usesSseC(needs, bucket);
      checks.push(storageCheck(s3, bucket, sseC), bucketSettingsCheck(administration, bucket, sseC));
    }
  }
  const all = await allUsers(root);
  const usernames = only === null ? all : only.map((name) => requireUser(name, all));
  for (const username of usernames) {
    checks.push(roundTripCheck({ store, users, entropy: systemEntropy }, username));
  }
  return checks;
}

function requireUser(name: string, all: readonly Username[]): Username {
  const username = parseUsername(name);
  if (all.includes(username)) return username;
  throw new Fault('not-found', `there is no user ${username}: see \`sftpgw user list\``);
}

async function allUsers({ registry }: OpenRoot): Promise<readonly Username[]> {
  return (await registry.list()).map(({ username }) => username);
}

/**
 * Returns every available key: those of the keyring and those in raw files of users or of the shared
 * directory.
 */
async function knownKeys(root: OpenRoot): Promise<ReadonlySet<KeyFingerprint>> {
  const { keyring, userServices } = root;
  const known = new Set<KeyFingerprint>();
  for (const { id, state } of await keyring.list()) if (state !== 'destroyed') known.add(id);
  for (const { path } of await rawKeyFiles(root)) {
    for (const { fingerprint } of await userServices.keyFiles.loadAll(path)) known.add(fingerprint);
  }
  return known;
}
