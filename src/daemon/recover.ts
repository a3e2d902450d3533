import { rootPaths } from '../config/paths.js';
import { changeSettingsFile } from '../config/settings-file.js';
import { parseAgeIdentity } from '../keyring/age.js';
import { Fault } from '../model/fault.js';
import { type BroughtKeys, bringKeys } from '../recovery/bring-keys.js';
import { CopyBucket } from '../recovery/copy-bucket.js';
import { type FoundSnapshot, findSnapshot } from '../recovery/find-snapshot.js';
import { type Restored, restoreRecipients, restoreSnapshot } from '../recovery/restore.js';
import { findSnapshotFiles } from '../recovery/snapshot-files.js';
import { snapshotPath } from '../recovery/snapshot-paths.js';
import { createS3ObjectStore } from '../s3/object-store.js';
import { backgroundCall } from './background-call.js';
import { Closers } from './closers.js';
import { s3OptionsOf } from './core.js';
import { keyringOf } from './keyring.js';
import { createLogger } from './logger.js';
import { openOperations } from './operations.js';
import { beginRecovering, endRecovering, recoveringFrom } from './recovering.js';
import { lockRoot } from './root-lock.js';
import { SettingsInForce } from './settings-in-force.js';
import { systemEntropy } from './system.js';
import { userParts } from './user-parts.js';

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
}

export interface RecoverReport {
  readonly snapshot: FoundSnapshot;
  readonly keys: BroughtKeys;
  readonly restored: Restored;
  /** Null for a rehearsal. A text says why the bucket has no copy of the new machine yet. */
  readonly copy: { readonly snapshot: number } | string | null;
}

export type RecoverProgress = (what: string, done: number, total: number) => void;

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
  await using closers = new Closers();
  const identity = await parseAgeIdentity(request.identity);
  const paths = rootPaths(request.root);
  const settings = await SettingsInForce.open(request.root, false);
  closers.use(await lockRoot(settings, `a gateway is running on ${paths.root}: stop it first`));
  const log = createLogger('warn', process.stderr);
  const keyring = keyringOf(settings, log);
  await refuseOccupied(request, paths.recoveringFile, async () => (await keyring.list()).length);

  const call = backgroundCall(signal, systemEntropy, log);
  const store = closers.use(
    createS3ObjectStore(s3OptionsOf({ ...settings.current, ...reachOf(request) }, null)),
  );
  const bucket = new CopyBucket(store, request.bucket);
  const snapshot = await findSnapshot(call, bucket, identity, request.acceptUnsigned);

  await beginRecovering(paths.recoveringFile, request.bucket);
  await restoreRecipients(snapshot.snapshot, paths.root);
  const keys = await bringKeys(call, bucket, identity, keyring, (done, total) =>
    onProgress('keys', done, total),
  );
  const restored = await restoreSnapshot(snapshot.snapshot, {
    root: paths.root,
    places: userParts(settings, keyring, log).places,
    keyring,
    stateDirectory: paths.stateDirectory,
    onFile: (done, total) => onProgress('files', done, total),
  });
  await changeSettingsFile(request.root, {
    bucket: request.bucket,
    ...reachOf(request),
    ...(request.rehearsal ? { keyringBucketCopy: 'no' } : {}),
  });
  await endRecovering(paths.recoveringFile);
  const copy = request.rehearsal ? null : await takeOver(request.root, signal);
  return { snapshot, keys, restored, copy };
}

/** From now on this machine's copy is the one that counts. What keeps it from being made keeps nothing else. */
async function takeOver(root: string, signal: AbortSignal): Promise<{ readonly snapshot: number } | string> {
  await using operations = await openOperations(root, signal);
  try {
    const outcome = await operations.bucketCopy.run(operations.call, { takeOver: true });
    return outcome.kind === 'complete' ? { snapshot: outcome.snapshot } : outcome.kind;
  } catch (error) {
    return Fault.from(error).hint;
  }
}

async function refuseOccupied(
  { root, bucket, force }: RecoverRequest,
  recoveringFile: string,
  countKeys: () => Promise<number>,
): Promise<void> {
  const begun = await recoveringFrom(recoveringFile);
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

function reachOf({ endpoint, region, endpointCaFile }: RecoverRequest) {
  return {
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(endpointCaFile === undefined ? {} : { endpointCaFile }),
  };
}
