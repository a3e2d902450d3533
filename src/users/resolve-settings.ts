import { Fault } from '../model/fault.js';
import type { Username, UserSettings } from '../model/users.js';
import type { GatewayDefaults } from './defaults.js';
import { type UserDirectories, userPaths } from './user-paths.js';
import { type UserProperties, userPropertyNames } from './user-properties.js';

/** Returns the prefix of a user's uploads if the settings do not name one. */
export function defaultUploadPrefix(username: Username): string {
  return `${username}/uploads/`;
}

/** Returns the prefix of a user's downloads. */
export function downloadsPrefix(username: Username): string {
  return `${username}/downloads/`;
}

/**
 * Returns the problem of a user whose `/uploads` is the whole default bucket, which also has the files of other
 * users, `shared/` and the gateway's own objects. Null for any other location.
 */
export function wholeBucketProblem(
  { uploadBucket, uploadPrefix }: Pick<UserProperties, 'uploadBucket' | 'uploadPrefix'>,
  defaults: GatewayDefaults,
): string | null {
  if (uploadPrefix !== '' || (uploadBucket !== null && uploadBucket !== defaults.bucket)) return null;
  return `${userPropertyNames.uploadPrefix} is empty, which means the whole bucket, but the default bucket is not the user's alone; set ${userPropertyNames.uploadBucket} to a bucket of their own, or a prefix`;
}

/**
 * Combines the user's settings with the gateway's defaults. Throws `invalid` if neither sets a bucket, and for
 * the whole default bucket.
 */
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
  const problem = wholeBucketProblem(properties, defaults);
  if (problem !== null) throw new Fault('invalid', `${paths.properties}: ${problem}`);
  return {
    username,
    uploadBucket,
    uploadPrefix: properties.uploadPrefix ?? defaultUploadPrefix(username),
    uploadOption: properties.uploadOption,
    access: properties.access,
    acl: properties.acl,
    uploadRights: properties.uploadRights,
    uploadExclusions: properties.uploadExclusions,
    downloads: properties.downloads,
    shared: properties.shared,
    downloadsMode: properties.downloadsMode,
    downloadsDelete: properties.downloadsDelete,
    downloadsPrefix: downloadsPrefix(username),
    ...localSettings(properties, defaults),
    localDirectory: paths.local,
    downloadsDirectory: paths.downloads,
    sharedDirectory: directories.shared,
  };
}

/** Returns what the user may have in `/local`. */
export function localSettings(
  properties: UserProperties,
  defaults: GatewayDefaults,
): Pick<UserSettings, 'local' | 'localLimitBytes' | 'localFilesLimit'> {
  return {
    local: properties.local,
    localLimitBytes: limitOf(properties.localLimitBytes ?? defaults.localLimitBytes),
    localFilesLimit: limitOf(properties.localFilesLimit ?? defaults.localFilesLimit),
  };
}

/** Returns null for 0 and for an absent limit: there is none. */
function limitOf(limit: number | undefined): number | null {
  return limit === undefined || limit === 0 ? null : limit;
}
