import { join, resolve } from 'node:path';

/** Every well-known path of an installation; absolute. */
export interface RootPaths {
  readonly root: string;
  /** Global settings. */
  readonly propertiesFile: string;
  /** The shared directory, decrypted. */
  readonly sharedDirectory: string;
  /** The keyring. */
  readonly keysDirectory: string;
  /** One directory a user. */
  readonly homes: string;
  /** `user.properties` and `sse-sync.key` of the shared directory. */
  readonly sharedSettingsDirectory: string;
  /** What the gateway keeps for itself. */
  readonly stateDirectory: string;
  readonly databaseFile: string;
  /** What opens the keyring. Apart from it: a copy of the keys alone opens nothing. */
  readonly keyringIdentityFile: string;
  /** Held by whoever changes the keyring. */
  readonly keyringLockFile: string;
  /** What is known of the copy in the bucket; and the lock of whoever copies. */
  readonly bucketCopyFile: string;
  readonly bucketCopyLockFile: string;
  /** There while a recovery has begun and not ended. */
  readonly recoveringFile: string;
  readonly hostKeyDirectory: string;
  /** Encrypted, unlinked files of uploads out of order. */
  readonly scratchDirectory: string;
  /** What removed users leave. */
  readonly removedDirectory: string;
  /** Buckets and objects of the embedded S3 server. */
  readonly embeddedS3Directory: string;
  /** Where the embedded S3 server listens, for other commands. */
  readonly runFile: string;
  /** What senders of S3 events present, unless a setting names another file. */
  readonly eventSecretFile: string;
  /** What commands hold that write objects beside the gateway. */
  readonly runningCommandsDirectory: string;
  /** Held by the one process that serves this root. */
  readonly lockFile: string;
  /** Where the gateway that runs takes commands. */
  readonly controlSocket: string;
  /** Bans, and the addresses from which users have logged in. */
  readonly bansFile: string;
  /** One directory for each user of the machine who may connect with `sftpgw stdio`. Others can enter it. */
  readonly stdioDirectory: string;
}

/** The paths below a root: `/` when installed as a service, `./sftpgw-data` from a checkout. */
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
    runningCommandsDirectory: join(state, 'commands'),
    bansFile: join(state, 'bans.json'),
    stdioDirectory: join(base, 'run/sftpgw/stdio'),
    runFile: join(state, 'embedded-s3.json'),
    eventSecretFile: join(state, 'events.secret'),
  };
}
