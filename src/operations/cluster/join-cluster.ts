import { dirname } from 'node:path';
import { lockRoot, rootInUse } from '../../assembly/root-lock.js';
import { changeSettingsFile } from '../../config/settings-file.js';
import {
  createFileDurably,
  ensureDirectory,
  secretDirectoryMode,
  secretFileMode,
} from '../../files/durable.js';
import { parseAgeIdentity } from '../../keyring/age.js';
import { Fault } from '../../model/fault.js';
import { JoinToken } from '../../replication/join-token.js';
import { replicatedFile } from '../../replication/replicated-files.js';
import { RootSeal } from '../../replication/root-seal.js';
import { noCluster, type OpenCluster, openCluster } from './open-cluster.js';
import { createReplicator, scannerOf } from './replication.js';

/** How the machine reaches the database; null keeps the present setting. */
export interface DatabaseAnswers {
  readonly url: string | null;
  readonly passwordFile: string | null;
  readonly caFile: string | null;
}

/** The result of `cluster join`. */
export interface JoinedCluster {
  readonly database: string;
  readonly files: number;
  readonly users: number;
  /** Sentences about files that were not received. */
  readonly problems: readonly string[];
}

/**
 * Gives an empty root the identity and the files of a cluster. `readToken` returns the text of a token; it is not called
 * if the root has the identity already, after an interruption. Throws `invalid` (token, settings), `not-empty`,
 * `not-found` (no cluster), `denied` (the token is unknown, used or expired), `conflict` (the gateway
 * runs), and the faults of the database and the disk.
 */
export async function joinCluster(
  root: string,
  answers: DatabaseAnswers,
  readToken: () => Promise<string>,
  signal: AbortSignal,
): Promise<JoinedCluster> {
  await saveSettings(root, answers);
  await using opened = await openCluster(root);
  await using _lock = await lockRoot(opened.settings, rootInUse(opened.settings.paths.root));
  const { settings, database, name, cluster, identity, node, log } = opened;
  const digest = await cluster.identity();
  if (digest === null) throw noCluster(name);
  if ((await identity.read()) === null) {
    await opened.scribe.change({ action: 'cluster.join', details: { database: name } }, () =>
      receiveIdentity(opened, readToken),
    );
  }
  const seal = await RootSeal.open(identity);
  if (seal.identityDigest !== digest) {
    throw new Fault(
      'not-empty',
      `${identity.path} belongs to another gateway: join with an empty root (--root)`,
    );
  }
  const replicator = await createReplicator({ paths: settings.paths, database, node, log }, seal, true);
  await replicator.settle(signal);
  const { files } = await scannerOf(settings.paths, seal).scan();
  const users = [...files.keys()].filter((path) => replicatedFile(path)?.kind === 'user-settings').length;
  return { database: name, files: files.size, users, problems: replicator.report.problems };
}

async function saveSettings(root: string, { url, passwordFile, caFile }: DatabaseAnswers): Promise<void> {
  await changeSettingsFile(root, {
    ...(url === null ? {} : { databaseUrl: url }),
    ...(passwordFile === null ? {} : { databasePasswordFile: passwordFile }),
    ...(caFile === null ? {} : { databaseCaFile: caFile }),
    cluster: 'yes',
  });
}

/** Uses up the token and stores the identity. */
async function receiveIdentity(
  { settings, cluster, identity }: OpenCluster,
  readToken: () => Promise<string>,
): Promise<void> {
  await refuseFiles(settings.paths);
  const token = JoinToken.parse(await readToken());
  const sealed = await cluster.takeToken(token.hash);
  if (sealed === null) {
    throw new Fault(
      'denied',
      'the token is unknown, used or expired: create another one with `sftpgw cluster token` on a machine of the cluster',
    );
  }
  const { secret, recipient } = await parseAgeIdentity(await token.open(sealed));
  await ensureDirectory(dirname(identity.path), secretDirectoryMode);
  await createFileDurably(identity.path, `# public key: ${recipient}\n${secret}\n`, secretFileMode);
}

/** Throws `not-empty` if the root has users, keys or host keys. */
async function refuseFiles(paths: OpenCluster['settings']['paths']): Promise<void> {
  const { files } = await scannerOf(paths, { digest: () => '' }).scan();
  const found = [...files.keys()].find((path) => replicatedFile(path)?.kind !== 'settings');
  if (found === undefined) return;
  throw new Fault(
    'not-empty',
    `${paths.root} is not empty: it has ${found}; join with an empty root (--root), or remove its users and keys`,
  );
}
