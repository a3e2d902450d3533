import { join } from 'node:path';
import type { KeyFingerprint } from '../model/customer-key.js';
import type { KeyOwner } from '../model/keyring.js';
import type { Username } from '../model/users.js';
import type { UserPaths } from './user-paths.js';
import { type UserProperties, userPropertyNames } from './user-properties.js';

/** What the settings name as keys. */
export type KeyIdSettings = Pick<UserProperties, 'uploadKeyId' | 'syncKeyId'>;

/** Where the key of a place in S3 comes from: a raw file, or the keyring's key that the settings name. */
export interface KeySource {
  readonly owner: KeyOwner;
  /** Given to a key that is taken into the keyring from here. */
  readonly label: string;
  /** The raw file. */
  readonly path: string;
  readonly propertiesPath: string;
  readonly keyIdProperty: string;
  /** The key that the settings name; null when they name none. */
  readonly keyId: KeyFingerprint | null;
}

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

/** Of the shared directory, the likeliest first; `directory` is `ROOT/root/.sftpgateway`. */
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
