import { join, resolve } from 'node:path';

/** The well-known paths of an installation, all absolute. */
export interface RootPaths {
  readonly root: string;
  /** Global settings. */
  readonly propertiesFile: string;
  /** The shared directory, decrypted. */
  readonly sharedDirectory: string;
  /** The keyring. */
  readonly keysDirectory: string;
  /** One directory per user. */
  readonly homes: string;
  /** `user.properties` and `sse-sync.key` of the shared directory. */
  readonly sharedSettingsDirectory: string;
  /** The gateway's own state. */
  readonly stateDirectory: string;
  readonly databaseFile: string;
  /** The identity that opens the keyring. A copy of the keys does not include it and so opens nothing. */
  readonly keyringIdentityFile: string;
  /** The lock of a process that changes the keyring. */
  readonly keyringLockFile: string;
  /** The record of the copy in the bucket, and below it the lock of a process that copies. */
  readonly bucketCopyFile: string;
  readonly bucketCopyLockFile: string;
  /** Exists from the start of a recovery until it is complete. */
  readonly recoveringFile: string;
  readonly hostKeyDirectory: string;
  /** Encrypted, unlinked files with upload data that does not fit into memory. */
  readonly scratchDirectory: string;
  /** The homes of removed users. */
  readonly removedDirectory: string;
  /** Buckets and objects of the embedded S3 server. */
  readonly embeddedS3Directory: string;
  /** The address of the running embedded S3 server, for other commands. */
  readonly runFile: string;
  /** The secret of senders of S3 events, unless a setting names another file. */
  readonly eventSecretFile: string;
  /** The tokens of monitoring systems, unless a setting names another file. */
  readonly metricsTokenFile: string;
  /** The locks of commands that write objects while the gateway may run. */
  readonly runningCommandsDirectory: string;
  /** The lock of the one process that serves this root. */
  readonly lockFile: string;
  /** The socket on which the running gateway accepts commands. */
  readonly controlSocket: string;
  /** The socket on which the running gateway serves the files page to the console's process. */
  readonly filesSocket: string;
  /** The files that this node has in common with the other nodes of its cluster. */
  readonly replicationFile: string;
  /** Bans, and the addresses from which users have logged in. */
  readonly bansFile: string;
  /** Events of the audit trail that are not in the database yet. */
  readonly auditDirectory: string;
  /** The id of this gateway in the audit trail. */
  readonly nodeIdFile: string;
  /** One directory for each user of the machine who may connect with `sftpgw stdio`. Others can enter it. */
  readonly stdioDirectory: string;
}

/** Returns the paths below a root: `/` for an installed service, `./sftpgw-data` for a checkout. */
export function rootPaths(root: string): RootPaths {
  const base = resolve(root);
  const settings = join(base, 'opt/sftpgw');
  const state = join(base, 'var/lib/sftpgw');
  return {
    root: base,
    propertiesFile: join(settings, 'sftpgateway.properties'),
    sharedDirectory: join(settings, 'shared'),
    keysDirectory: join(settings, 'keys'),
    homes: join(base, 'home'),
    sharedSettingsDirectory: join(base, 'root/.sftpgateway'),
    stateDirectory: state,
    databaseFile: join(state, 'sftpgw.db'),
    keyringIdentityFile: join(state, 'keyring-identity'),
    keyringLockFile: join(state, 'keyring.lock'),
    bucketCopyFile: join(state, 'bucket-copy.json'),
    bucketCopyLockFile: join(state, 'bucket-copy.lock'),
    recoveringFile: join(state, 'recovering.json'),
    hostKeyDirectory: join(state, 'host-keys'),
    scratchDirectory: join(state, 'scratch'),
    removedDirectory: join(state, 'removed'),
    embeddedS3Directory: join(state, 'embedded-s3'),
    lockFile: join(state, 'lock'),
    controlSocket: join(state, 'control.sock'),
    filesSocket: join(state, 'files.sock'),
    runningCommandsDirectory: join(state, 'commands'),
    auditDirectory: join(state, 'audit'),
    nodeIdFile: join(state, 'node-id'),
    replicationFile: join(state, 'replication.json'),
    bansFile: join(state, 'bans.json'),
    stdioDirectory: join(base, 'run/sftpgw/stdio'),
    runFile: join(state, 'embedded-s3.json'),
    eventSecretFile: join(state, 'events.secret'),
    metricsTokenFile: join(state, 'metrics.token'),
  };
}
