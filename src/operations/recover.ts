import { commandScribe } from '../assembly/audit.js';
import { backgroundCall } from '../assembly/background-call.js';
import { createCommandLog } from '../assembly/command-log.js';
import { s3OptionsOf } from '../assembly/core.js';
import { createRootKeyring } from '../assembly/keyring.js';
import { LiveSettings } from '../assembly/live-settings.js';
import {
  readRecoveryMarker,
  removeRecoveryMarker,
  writeRecoveryMarker,
} from '../assembly/recovery-marker.js';
import { lockRoot } from '../assembly/root-lock.js';
import { systemEntropy } from '../assembly/system.js';
import { buildUserServices } from '../assembly/user-services.js';
import { rootPaths } from '../config/paths.js';
import { changeSettingsFile } from '../config/settings-file.js';
import { parseAgeIdentity } from '../keyring/age.js';
import type { AuditProgress } from '../ledger-audit/findings.js';
import { type RebuildReport, rebuildLedger } from '../ledger-audit/rebuild.js';
import { Fault } from '../model/fault.js';
import { CopyBucket } from '../recovery/copy-bucket.js';
import { type FoundSnapshot, findSnapshot } from '../recovery/find-snapshot.js';
import { type ImportedKeys, importKeys } from '../recovery/import-keys.js';
import { type RestoredFiles, restoreRecipients, restoreSnapshot } from '../recovery/restore.js';
import { findSnapshotFiles } from '../recovery/snapshot-files.js';
import { snapshotPath } from '../recovery/snapshot-paths.js';
import { createS3ObjectStore } from '../s3/object-store.js';
import { openLedger } from './ledger-audit.js';
import { type OpenRoot, openRoot } from './open-root.js';

/** The root to restore, the bucket and the identity, and the options of `sftpgw recover`. */
export interface RecoverRequest {
  readonly root: string;
  readonly bucket: string;
  /** The S3 server; undefined for that of the environment and the restored settings. */
  readonly endpoint?: string | null;
  readonly region?: string | null;
  readonly endpointCaFile?: string | null;
  /** The content of an age identity file. */
  readonly identity: string;
  /** Overwrites existing users and keys. */
  readonly force: boolean;
  /** Accepts a snapshot that the recovery identity has not signed. */
  readonly acceptUnsigned: boolean;
  /** Never writes to the bucket, because the gateway that wrote the copy is still in use. */
  readonly rehearsal: boolean;
  /** Rebuilds the ledger from all objects, which takes a while if there are many. */
  readonly ledger: boolean;
}

interface RecoveredRoot {
  readonly snapshot: FoundSnapshot;
  readonly keys: ImportedKeys;
  readonly restored: RestoredFiles;
}

/** The result of a recovery. */
export interface RecoverReport extends RecoveredRoot {
  /** Null if it was not requested. A text is the reason why the ledger is missing or incomplete. */
  readonly ledger: RebuildReport | string | null;
  /** Null for a rehearsal. A text is the reason why the bucket has no copy of the new machine yet. */
  readonly copy: { readonly snapshot: number } | string | null;
}

/** Receives the progress of a step. `total` is null if it is unknown. */
export type RecoverProgress = (what: string, done: number, total: number | null) => void;

/**
 * Restores a root from the copy in its bucket and the recovery identity. It can be interrupted and run again;
 * the gateway does not start on an incomplete root. Throws `conflict` (a gateway runs, or users or keys
 * exist), and faults of `findSnapshot`, of the store and of the file system.
 */
export async function recoverRoot(
  request: RecoverRequest,
  signal: AbortSignal,
  onProgress: RecoverProgress,
): Promise<RecoverReport> {
  const recovered = await restoreRoot(request, signal, onProgress);
  // From here on the gateway can run, with or without the following steps.
  await using opened = await openRoot(request.root, signal);
  opened.scribe.record({
    action: 'recovery.restore',
    target: `snapshot ${recovered.snapshot.number}`,
    bucket: request.bucket,
    details: { snapshot: recovered.snapshot.number, rehearsal: request.rehearsal, force: request.force },
  });
  const copy = request.rehearsal ? null : await takeOverCopy(opened);
  const ledger = request.ledger ? await rebuildRootLedger(opened, onProgress) : null;
  return { ...recovered, copy, ledger };
}

async function restoreRoot(
  request: RecoverRequest,
  signal: AbortSignal,
  onProgress: RecoverProgress,
): Promise<RecoveredRoot> {
  await using resources = new AsyncDisposableStack();
  const identity = await parseAgeIdentity(request.identity);
  const paths = rootPaths(request.root);
  const settings = await LiveSettings.open(request.root, false);
  resources.use(await lockRoot(settings, `a gateway is running on ${paths.root}: stop it first`));
  const log = createCommandLog(process.stderr);
  const keyring = createRootKeyring(settings, log, commandScribe(settings, log));
  await refuseExistingRoot(request, paths.recoveringFile, async () => (await keyring.list()).length);

  const call = backgroundCall(signal, systemEntropy, log);
  const store = resources.use(
    createS3ObjectStore(s3OptionsOf({ ...settings.current, ...connectionOf(request) }, null)),
  );
  const bucket = new CopyBucket(store, request.bucket);
  const snapshot = await findSnapshot(call, bucket, identity, request.acceptUnsigned);

  await writeRecoveryMarker(paths.recoveringFile, request.bucket);
  await restoreRecipients(snapshot.snapshot, paths.root);
  const keys = await importKeys(call, bucket, identity, keyring, (done, total) =>
    onProgress('keys', done, total),
  );
  const restored = await restoreSnapshot(snapshot.snapshot, {
    root: paths.root,
    directories: buildUserServices(settings, keyring, log).directories,
    keyring,
    stateDirectory: paths.stateDirectory,
    onFile: (done, total) => onProgress('files', done, total),
  });
  await changeSettingsFile(request.root, {
    bucket: request.bucket,
    ...connectionOf(request),
    ...(request.rehearsal ? { keyringBucketCopy: 'no' } : {}),
  });
  await removeRecoveryMarker(paths.recoveringFile);
  return { snapshot, keys, restored };
}

/**
 * Replaces the copy in the bucket with one of this machine. Returns the reason as text if that fails; the
 * root is usable without it.
 */
async function takeOverCopy({ bucketCopy, call }: OpenRoot): Promise<{ readonly snapshot: number } | string> {
  try {
    const outcome = await bucketCopy.run(call, { takeOver: true });
    return outcome.kind === 'complete' ? { snapshot: outcome.snapshot } : outcome.kind;
  } catch (error) {
    return Fault.from(error).hint;
  }
}

async function rebuildRootLedger(
  opened: OpenRoot,
  onProgress: RecoverProgress,
): Promise<RebuildReport | string> {
  try {
    const ledger = await openLedger(opened, opened.settings, opened.log);
    const buckets = await ledger.buckets();
    const progress = ({ versions }: AuditProgress) => onProgress('ledger', versions, null);
    return await rebuildLedger(ledger.audit, ledger.call, { buckets, actor: 'recover', progress });
  } catch (error) {
    return Fault.from(error).hint;
  }
}

async function refuseExistingRoot(
  { root, bucket, force }: RecoverRequest,
  recoveringFile: string,
  countKeys: () => Promise<number>,
): Promise<void> {
  const begun = await readRecoveryMarker(recoveringFile);
  if (force || begun === bucket) return;
  if (begun !== null) {
    throw new Fault(
      'conflict',
      `a recovery of ${root} from the bucket ${begun} was interrupted: run it again, or pass --force`,
    );
  }
  const files = await findSnapshotFiles(root);
  const users = files.filter(({ path }) => snapshotPath(path)?.kind === 'user-settings').length;
  const keys = await countKeys();
  if (users === 0 && keys === 0) return;
  throw new Fault(
    'conflict',
    `${root} already has users (${users}) or keys (${keys}): recover into an empty root, or pass --force to overwrite them`,
  );
}

function connectionOf({ endpoint, region, endpointCaFile }: RecoverRequest) {
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(endpointCaFile === undefined ? {} : { endpointCaFile }),
  };
}
