import { Fault } from '../model/fault.js';
import type { Username, UserSettings } from '../model/users.js';
import type { GatewayDefaults } from './defaults.js';
import { type UserDirectories, userPaths } from './user-paths.js';
import type { UserProperties } from './user-properties.js';

/** Returns the prefix of a user's uploads if the settings do not name one. */
export function defaultUploadPrefix(username: Username): string {
  return `${username}/uploads/`;
}

/** Returns the prefix of a user's downloads. */
export function downloadsPrefix(username: Username): string {
  return `${username}/downloads/`;
}

/** Combines the user's settings with the gateway's defaults. Throws `invalid` if neither sets a bucket. */
export function resolveSettings(
  username: Username,
  properties: UserProperties,
  defaults: GatewayDefaults,
  directories: UserDirectories,
): UserSettings {
  const paths = userPaths(directories, username);
  const uploadBucket = properties.uploadBucket ?? defaults.bucket;
  if (uploadBucket === null) {
    throw new Fault(
      'invalid',
      `no bucket is set for the uploads of ${username}; set bucket in the settings of the gateway, or upload.bucket in ${paths.properties}`,
    );
  }
  return {
    username,
    uploadBucket,
    uploadPrefix: properties.uploadPrefix ?? defaultUploadPrefix(username),
    uploadOption: properties.uploadOption,
    acl: properties.acl,
    dropbox: properties.dropbox,
    downloads: properties.downloads,
    shared: properties.shared,
    downloadsMode: properties.downloadsMode,
    downloadsDelete: properties.downloadsDelete,
    downloadsPrefix: downloadsPrefix(username),
    localDirectory: paths.local,
    downloadsDirectory: paths.downloads,
    sharedDirectory: directories.shared,
  };
}
