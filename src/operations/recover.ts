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
import type { AuditProgress } from '../audit/findings.js';
import { type RebuildReport, rebuildLedger } from '../audit/rebuild.js';
import { rootPaths } from '../config/paths.js';
import { changeSettingsFile } from '../config/settings-file.js';
import { parseAgeIdentity } from '../keyring/age.js';
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

export interface RecoverRequest {
  readonly root: string;
  readonly bucket: string;
  /** How S3 is reached from here; undefined takes what the environment and the restored settings say. */
  readonly endpoint?: string | null;
  readonly region?: string | null;
  readonly endpointCaFile?: string | null;
  /** The content of an age identity file. */
  readonly identity: string;
  /** Writes over users and keys that are there. */
  readonly force: boolean;
  readonly acceptUnsigned: boolean;
  /** Leaves the bucket alone for good: the gateway that wrote the copy lives. */
  readonly rehearsal: boolean;
  /** Makes the ledger anew of all objects, which takes a while where there are many. */
  readonly ledger: boolean;
}

interface RecoveredRoot {
  readonly snapshot: FoundSnapshot;
  readonly keys: ImportedKeys;
  readonly restored: RestoredFiles;
}

export interface RecoverReport extends RecoveredRoot {
  /** Null when it was not wanted. A text says why there is none, or not all of it. */
  readonly ledger: RebuildReport | string | null;
  /** Null for a rehearsal. A text says why the bucket has no copy of the new machine yet. */
  readonly copy: { readonly snapshot: number } | string | null;
}

/** A total of null is not known. */
export type RecoverProgress = (what: string, done: number, total: number | null) => void;

/**
 * Makes a root again of the copy in its bucket and the offline identity. Can be interrupted and run again; the gateway does not start
 * on what is half done. Faults: `conflict` (a gateway runs, or there are users or keys already), those of `findSnapshot`, of the store and of
 * the file system.
 */
export async function recoverRoot(
  request: RecoverRequest,
  signal: AbortSignal,
  onProgress: RecoverProgress,
): Promise<RecoverReport> {
  const recovered = await restoreRoot(request, signal, onProgress);
  // The gateway may run from here on, and can do without what follows.
  await using opened = await openRoot(request.root, signal);
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
  const keyring = createRootKeyring(settings, log);
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

/** From now on this machine's copy is the one that counts. What keeps it from being made keeps nothing else. */
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
      `a recovery of ${root} from the bucket ${begun} has begun and not ended; go on with it, or say --force`,
    );
  }
  const files = await findSnapshotFiles(root);
  const users = files.filter(({ path }) => snapshotPath(path)?.kind === 'user-settings').length;
  const keys = await countKeys();
  if (users === 0 && keys === 0) return;
  throw new Fault(
    'conflict',
    `${root} has users (${users}) or keys (${keys}) already: recover into an empty root, or say --force to write over them`,
  );
}

function connectionOf({ endpoint, region, endpointCaFile }: RecoverRequest) {
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(endpointCaFile === undefined ? {} : { endpointCaFile }),
  };
}
