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
import { machineCheck } from '../doctor/machine-check.js';
import { mirrorCheck } from '../doctor/mirror-check.js';
import { roundTripCheck } from '../doctor/round-trip-check.js';
import { storageCheck } from '../doctor/storage-check.js';
import { usersCheck } from '../doctor/users-check.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import { parseUsername, type Username } from '../model/users.js';
import { type BucketAdministration, createBucketAdministration } from '../s3/bucket/bucket-administration.js';
import type { S3StoreOptions } from '../s3/options.js';
import { nativeCrypto } from '../sftp/ssh2/library.js';
import { keyFilePlaces } from './key-file-places.js';
import type { Operations } from './open-root.js';
import { bucketsOf, usesSseC } from './policies/storage-needs.js';
import { storageNeedsOf } from './storage-needs.js';

export type { DoctorFinding };

export interface DoctorRequest {
  /** Only what concerns these users; null for everything. */
  readonly users: readonly string[] | null;
  readonly onCheck: (name: string) => void;
}

/** A person waits: two attempts in a quarter of a minute say enough. */
const patience = { maxAttempts: 2, maxTotalMs: 15_000 };

/**
 * Looks at everything that can be wrong with a root: S3, each user's whole way there and back, keys, ledger, files, the machine. Writes
 * tiny objects for a moment. Answers what it found, the worst first; throws `not-found` for a user that is not there, and `cancelled`.
 */
export async function runDoctor(
  operations: Operations,
  request: DoctorRequest,
): Promise<readonly DoctorFinding[]> {
  const s3 = { ...operations.s3, retry: patience };
  await using administration = createBucketAdministration(s3);
  const checks = [
    ...(request.users === null ? gatewayChecks(operations) : []),
    ...(await storageChecks(operations, s3, administration, request.users)),
  ];
  return bySeverity(await runChecks(operations.call, checks, request.onCheck));
}

function gatewayChecks(operations: Operations): readonly Check[] {
  const { settings, registry, database, keyring, ledger } = operations;
  const { paths, current } = settings;
  return [
    machineCheck({
      nativeCrypto,
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
    usersCheck(registry),
    keyFilesCheck({
      places: () => keyFilePlaces(operations),
      load: (path) => operations.parts.keyFiles.load(path),
      describe: (id) => keyring.describe(id),
    }),
    keyringCheck(keyring, keyring),
    bucketCopyCheck(operations.bucketCopy),
    ledgerCheck({
      ledger,
      usage: createKeyUsage(database, systemClock),
      knownKeys: () => knownKeys(operations),
      clock: systemClock,
    }),
    mirrorCheck(createMirrorState(database)),
  ];
}

async function storageChecks(
  operations: Operations,
  s3: S3StoreOptions,
  administration: BucketAdministration,
  only: readonly string[] | null,
): Promise<readonly Check[]> {
  const { store, users } = operations;
  const needs = await storageNeedsOf(operations, 'leave-out');
  const checks: Check[] = [];
  if (only === null) {
    for (const bucket of bucketsOf(needs)) {
      const sseC = usesSseC(needs, bucket);
      checks.push(storageCheck(s3, bucket, sseC), bucketSettingsCheck(administration, bucket, sseC));
    }
  }
  const usernames = only === null ? await allUsers(operations) : only.map(parseUsername);
  for (const username of usernames) {
    checks.push(roundTripCheck({ store, users, entropy: systemEntropy }, username));
  }
  return checks;
}

async function allUsers({ registry }: Operations): Promise<readonly Username[]> {
  return (await registry.list()).map(({ username }) => username);
}

/** Every key that is at hand: in the keyring, or in a raw file of a user or of the shared directory. */
async function knownKeys(operations: Operations): Promise<ReadonlySet<KeyFingerprint>> {
  const { keyring, parts } = operations;
  const known = new Set<KeyFingerprint>();
  for (const { id, state } of await keyring.list()) if (state !== 'destroyed') known.add(id);
  for (const { path } of await keyFilePlaces(operations)) {
    for (const { fingerprint } of await parts.keyFiles.loadAll(path)) known.add(fingerprint);
  }
  return known;
}
