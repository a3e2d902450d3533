import { join } from 'node:path';
import { allRights } from '../../model/users/upload-rights.js';
import { parseUsername, type UserSettings } from '../../model/users.js';

/** Returns the settings of the user `bob`, with directories below this one. */
export function settingsIn(directory: string, uploadBucket: string): UserSettings {
  return {
    username: parseUsername('bob'),
    uploadBucket,
    uploadPrefix: 'bob/uploads/',
    uploadOption: 3,
    access: null,
    acl: null,
    uploadRights: allRights,
    uploadExclusions: [],
    downloads: false,
    shared: false,
    downloadsMode: 'mirror',
    downloadsDelete: false,
    local: true,
    localLimitBytes: null,
    localFilesLimit: null,
    downloadsPrefix: 'bob/downloads/',
    localDirectory: join(directory, 'local'),
    downloadsDirectory: join(directory, 'downloads'),
    sharedDirectory: join(directory, 'shared'),
  };
}
