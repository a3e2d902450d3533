import { join } from 'node:path';
import type { Call } from '../model/call.js';
import type { WriteEncryption } from '../model/encryption.js';
import { Fault } from '../model/fault.js';
import type { PrefixOwner, PrefixOwners } from '../model/users/prefix-owners.js';
import type { UserDirectory, Username, UserRegistry, UserSettings } from '../model/users.js';
import type { GatewayDefaults } from './defaults.js';
import { type KeySource, sharedKeySources, syncKeySource } from './key-sources.js';
import { readSyncProperties, type SyncProperties } from './sync-properties.js';
import type { UserKeys } from './user-keys.js';
import { type UserDirectories, userPaths } from './user-paths.js';
import { userPropertyNames } from './user-properties.js';

/** The dependencies of the list of owners. */
export interface PrefixOwnersServices {
  readonly directories: UserDirectories;
  /** `ROOT/root/.sftpgateway`: the settings and the key of the shared directory. */
  readonly sharedSettingsDirectory: string;
  readonly users: Pick<UserDirectory, 'settings' | 'uploadEncryption'>;
  readonly registry: Pick<UserRegistry, 'locations'>;
  readonly keys: UserKeys;
  readonly defaults: () => GatewayDefaults;
  readonly call: Call;
}

/**
 * Opens the list of owners: the uploads and downloads of every user, and `shared/` of the default bucket.
 * Other clients write the last two, so their encryption is the one that the gateway is set to read:
 * `sse.sync.option` and `sse-sync.key`.
 */
export function createPrefixOwners(services: PrefixOwnersServices): PrefixOwners {
  return { list: () => listOwners(services) };
}

async function listOwners(services: PrefixOwnersServices): Promise<readonly PrefixOwner[]> {
  const owners: PrefixOwner[] = [];
  for (const { username } of await services.registry.locations()) {
    const settings = await settingsOf(services, username);
    if (settings !== null) owners.push(uploadsOf(services, settings), downloadsOf(services, settings));
  }
  const { bucket } = services.defaults();
  if (bucket !== null) owners.push(shared(services, bucket));
  return owners;
}

/** Returns null, and logs it, if the settings are unusable: they define the user's locations. */
async function settingsOf(
  { users, call }: PrefixOwnersServices,
  username: Username,
): Promise<UserSettings | null> {
  try {
    return await users.settings(call, username);
  } catch (error) {
    call.log.warn('cannot find the S3 locations of a user', { user: username, error: Fault.from(error) });
    return null;
  }
}

function uploadsOf({ users, call }: PrefixOwnersServices, settings: UserSettings): PrefixOwner {
  const { username, uploadBucket: bucket, uploadPrefix: prefix, acl } = settings;
  return {
    name: `the uploads of ${username}`,
    username,
    bucket,
    prefix,
    acl,
    encryption: () => users.uploadEncryption(call, username),
  };
}

function downloadsOf(services: PrefixOwnersServices, settings: UserSettings): PrefixOwner {
  const { username, uploadBucket: bucket, downloadsPrefix: prefix } = settings;
  const paths = userPaths(services.directories, username);
  return {
    name: `the downloads of ${username}`,
    username,
    bucket,
    prefix,
    acl: null,
    encryption: () =>
      syncEncryption(services.keys, paths.properties, (sync) => syncKeySource(username, paths, sync)),
  };
}

function shared(services: PrefixOwnersServices, bucket: string): PrefixOwner {
  const directory = services.sharedSettingsDirectory;
  return {
    name: 'the shared directory',
    username: null,
    bucket,
    prefix: 'shared/',
    acl: null,
    encryption: () =>
      syncEncryption(
        services.keys,
        join(directory, 'user.properties'),
        (sync) => sharedKeySources(directory, sync)[0],
      ),
  };
}

async function syncEncryption(
  keys: UserKeys,
  propertiesPath: string,
  sourceOf: (sync: SyncProperties) => KeySource,
): Promise<WriteEncryption> {
  const sync = await readSyncProperties(propertiesPath);
  const { option, kmsKeyArn } = sync;
  switch (option) {
    case null:
      throw new Fault(
        'invalid',
        `${propertiesPath} does not set ${userPropertyNames.syncOption}; set it to 1, 2, 3 or 4, or choose the encryption in the command`,
      );
    case 1:
      return { kind: 'sse-s3' };
    case 2:
      if (kmsKeyArn === null) {
        throw new Fault(
          'invalid',
          `${propertiesPath}: ${userPropertyNames.syncOption}=2 needs ${userPropertyNames.kmsKeyArn}`,
        );
      }
      return { kind: 'sse-kms', keyArn: kmsKeyArn };
    case 3: {
      const source = sourceOf(sync);
      const key = await keys.writeKey(source);
      if (key === null) {
        throw new Fault(
          'key-missing',
          `${source.path} is missing, but ${propertiesPath} sets a customer key`,
        );
      }
      return { kind: 'sse-c', key };
    }
    case 4:
      return { kind: 'bucket-default' };
  }
}
