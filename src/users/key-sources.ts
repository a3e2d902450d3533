import { join } from 'node:path';
import type { KeyFingerprint } from '../model/customer-key.js';
import type { KeyOwner } from '../model/keyring.js';
import type { Username } from '../model/users.js';
import type { UserPaths } from './user-paths.js';
import { type UserProperties, userPropertyNames } from './user-properties.js';

/** The settings that name keys. */
export type KeyIdSettings = Pick<UserProperties, 'uploadKeyId' | 'syncKeyId'>;

/**
 * The source of the key for a location in S3: a raw file, or the key of the keyring that the settings
 * name.
 */
export interface KeySource {
  readonly owner: KeyOwner;
  /** The label of a key that is imported from this source. */
  readonly label: string;
  /** The raw file. */
  readonly path: string;
  readonly propertiesPath: string;
  readonly keyIdProperty: string;
  /** The key that the settings name, or null. */
  readonly keyId: KeyFingerprint | null;
}

/** Returns the source of the key for a user's uploads. */
export function uploadKeySource(
  username: Username,
  paths: UserPaths,
  named: KeyIdSettings | null,
): KeySource {
  return {
    owner: { kind: 'user', username },
    label: `${username} uploads`,
    path: paths.uploadKey,
    propertiesPath: paths.properties,
    keyIdProperty: userPropertyNames.uploadKeyId,
    keyId: named?.uploadKeyId ?? null,
  };
}

/** Returns the source of the key for a user's downloads. */
export function syncKeySource(username: Username, paths: UserPaths, named: KeyIdSettings | null): KeySource {
  return {
    owner: { kind: 'user', username },
    label: `${username} downloads`,
    path: paths.syncKey,
    propertiesPath: paths.properties,
    keyIdProperty: userPropertyNames.syncKeyId,
    keyId: named?.syncKeyId ?? null,
  };
}

/**
 * Returns the sources of the shared directory, the likeliest first. `directory` is
 * `ROOT/root/.sftpgateway`.
 */
export function sharedKeySources(
  directory: string,
  named: KeyIdSettings | null,
): readonly [KeySource, KeySource] {
  const shared = {
    owner: { kind: 'shared' },
    label: 'shared directory',
    propertiesPath: join(directory, 'user.properties'),
  } as const;
  const { syncKeyId, uploadKeyId } = userPropertyNames;
  return [
    {
      ...shared,
      path: join(directory, 'sse-sync.key'),
      keyIdProperty: syncKeyId,
      keyId: named?.syncKeyId ?? null,
    },
    {
      ...shared,
      path: join(directory, 'sse.key'),
      keyIdProperty: uploadKeyId,
      keyId: named?.uploadKeyId ?? null,
    },
  ];
}
