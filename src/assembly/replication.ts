import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { machineSettings } from '../config/machine-settings.js';
import type { RootPaths } from '../config/paths.js';
import { readSettings } from '../config/settings.js';
import { DatabaseRootFiles } from '../database/cluster/root-files.js';
import type { GatewayDatabase } from '../database/database.js';
import { PropertiesDocument } from '../files/properties.js';
import { isAbsence } from '../files/system-errors.js';
import { GatewayIdentity } from '../keyring/gateway-identity.js';
import { KeyringLock } from '../keyring/keyring-lock.js';
import type { Logger } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { replicatedFile } from '../replication/replicated-files.js';
import { Replicator } from '../replication/replicator.js';
import { RootSeal } from '../replication/root-seal.js';
import { RootWriter } from '../replication/root-writer.js';
import { RootScanner, type SharedContent } from '../replication/scanner.js';
import { sharedPart } from '../replication/settings-part.js';
import { ReplicationState } from '../replication/state-file.js';
import type { LiveSettings } from './live-settings.js';
import { systemClock } from './system.js';

/** Returns the part of a shared file that the nodes of a cluster share. */
export const sharedContent: SharedContent = (path, content) =>
  replicatedFile(path)?.kind === 'settings'
    ? Buffer.from(sharedPart(content.toString('utf8'), machineSettings))
    : content;

/** Returns the first error of a settings file; null for a valid one. */
export function settingsProblem(root: string, text: string): string | null {
  const { problems } = readSettings(PropertiesDocument.parse(text), 'the file', {}, root);
  return problems.find(({ severity }) => severity === 'error')?.text ?? null;
}

/**
 * Opens the replication of a root's files with its cluster. `node` is the id of the root. Returns null if the database
 * has no cluster. Throws `key-mismatch` if this root has another identity than the cluster, `not-found` if it has
 * none, `corrupt` for a damaged record, and the database's faults.
 */
export async function openReplication(
  { paths }: Pick<LiveSettings, 'paths'>,
  database: GatewayDatabase,
  node: string,
  log: Logger,
): Promise<Replicator | null> {
  const files = new DatabaseRootFiles(database, node);
  const identity = await files.identity();
  if (identity === null) return null;
  const seal = await RootSeal.open(new GatewayIdentity(paths.keyringIdentityFile));
  if (seal.identityDigest !== identity) {
    throw new Fault(
      'key-mismatch',
      `${paths.keyringIdentityFile} is not the identity of the cluster on this database: run \`sftpgw cluster join\` with an empty root`,
    );
  }
  return new Replicator({
    files,
    seal,
    state: await ReplicationState.open(paths.replicationFile),
    scanner: new RootScanner(paths.root, (content) => seal.digest(content), sharedContent),
    writer: writerOf(paths),
    checkSettings: (text) => settingsProblem(paths.root, text),
    exists: (path) => exists(join(paths.root, path)),
    clock: systemClock,
    log,
  });
}

function writerOf(paths: RootPaths): RootWriter {
  return new RootWriter({
    root: paths.root,
    directories: { homes: paths.homes, shared: paths.sharedDirectory, removed: paths.removedDirectory },
    stateDirectory: paths.stateDirectory,
    keyringLock: new KeyringLock(paths.keyringLockFile, systemClock),
    machineSettings,
    clock: systemClock,
  });
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    return !isAbsence(error);
  }
}
