import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../assembly/system.js';
import { machineSettings } from '../../config/machine-settings.js';
import type { RootPaths } from '../../config/paths.js';
import { readSettings } from '../../config/settings.js';
import { DatabaseRootFiles } from '../../database/cluster/root-files.js';
import type { GatewayDatabase } from '../../database/database.js';
import { PropertiesDocument } from '../../files/properties.js';
import { isAbsence } from '../../files/system-errors.js';
import { GatewayIdentity } from '../../keyring/gateway-identity.js';
import { KeyringLock } from '../../keyring/keyring-lock.js';
import type { Logger } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import { replicatedFile } from '../../replication/replicated-files.js';
import { Replicator } from '../../replication/replicator.js';
import { RootSeal } from '../../replication/root-seal.js';
import { RootWriter } from '../../replication/root-writer.js';
import { RootScanner } from '../../replication/scanner.js';
import { sharedPart } from '../../replication/settings-part.js';
import { ReplicationState } from '../../replication/state-file.js';

/** A root and its connection with a cluster. */
export interface ReplicatedRoot {
  readonly paths: RootPaths;
  readonly database: GatewayDatabase;
  /** The id of the root among the nodes. */
  readonly node: string;
  readonly log: Logger;
}

/**
 * Opens the replication of a root's files with its cluster. Returns null if the database has no cluster. Throws
 * `key-mismatch` if this root has another identity than the cluster, `not-found` if it has none, `corrupt` for a
 * damaged record, and the database's faults.
 */
export async function openReplication(root: ReplicatedRoot): Promise<Replicator | null> {
  const files = new DatabaseRootFiles(root.database, root.node);
  const identity = await files.identity();
  if (identity === null) return null;
  const { keyringIdentityFile } = root.paths;
  const seal = await RootSeal.open(new GatewayIdentity(keyringIdentityFile));
  if (seal.identityDigest === identity) return await createReplicator(root, seal);
  throw new Fault(
    'key-mismatch',
    `${keyringIdentityFile} is not the identity of the cluster on this database: join with an empty root, by \`sftpgw cluster join\``,
  );
}

/**
 * Creates the replication of a root's files. With `adopts`, the settings of the cluster replace those of the root
 * without a conflict. Throws `corrupt` and `unavailable` (the record).
 */
export async function createReplicator(
  { paths, database, node, log }: ReplicatedRoot,
  seal: RootSeal,
  adopts = false,
): Promise<Replicator> {
  const scanner = scannerOf(paths, seal);
  const state = await ReplicationState.open(paths.replicationFile);
  const settingsPath = paths.propertiesFile.slice(paths.root.length).replace(/^\//, '');
  const own = adopts && state.get(settingsPath) === null ? await scanner.read(settingsPath) : null;
  if (own !== null) state.set(settingsPath, { version: 0, digest: own.digest });
  return new Replicator({
    files: new DatabaseRootFiles(database, node),
    ...{ seal, state, scanner, log },
    writer: new RootWriter({
      root: paths.root,
      directories: { homes: paths.homes, shared: paths.sharedDirectory, removed: paths.removedDirectory },
      stateDirectory: paths.stateDirectory,
      keyringLock: new KeyringLock(paths.keyringLockFile, systemClock),
      machineSettings,
      clock: systemClock,
    }),
    checkSettings: (text) => settingsProblem(paths.root, text),
    exists: (path) => exists(join(paths.root, path)),
    clock: systemClock,
  });
}

/** Creates the scanner of a root's shared files. */
export function scannerOf(paths: RootPaths, seal: Pick<RootSeal, 'digest'>): RootScanner {
  return new RootScanner(
    paths.root,
    (content) => seal.digest(content),
    (path, content) =>
      replicatedFile(path)?.kind === 'settings'
        ? Buffer.from(sharedPart(content.toString('utf8'), machineSettings))
        : content,
  );
}

/** Returns the first error of a settings file; null for a valid one. */
function settingsProblem(root: string, text: string): string | null {
  const { problems } = readSettings(PropertiesDocument.parse(text), 'the file', {}, root);
  return problems.find(({ severity }) => severity === 'error')?.text ?? null;
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    return !isAbsence(error);
  }
}
