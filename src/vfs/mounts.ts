import { isDeepStrictEqual } from 'node:util';
import type { UserPlace } from '../model/fault.js';
import { gatewayPrefix } from '../model/gateway-objects.js';
import type { UserSettings } from '../model/users.js';
import { DiskFiles } from './disk/files.js';
import { LocalMount } from './disk/local.js';
import { Quota } from './disk/quota.js';
import type { DirectoryUsages } from './disk/usage.js';
import { type DownloadServices, downloadsMount } from './downloads/mount.js';
import type { Mount } from './mount.js';
import { NamedMount } from './named-mount.js';
import { ReadOnlyMount } from './read-only.js';
import { RestrictedMount } from './rights/restricted-mount.js';
import type { UploadMountServices } from './uploads/context.js';
import { UploadsMount } from './uploads/mount.js';

/** The directories of a user's `/` by name, in listing order. */
export type Mounts = ReadonlyMap<string, Mount>;

/** Services that the mounts of all sessions share. */
export type MountServices = UploadMountServices &
  DownloadServices & {
    /** The bytes and entries of each user's `/local`. */
    readonly localUsages: DirectoryUsages;
  };

/** Returns the mounts that a user's settings enable. */
export function mountsFor(services: MountServices, settings: UserSettings): Mounts {
  const mounts: Mount[] = [];
  if (settings.downloads) mounts.push(downloadsMount(services, settings));
  if (settings.local) {
    const quota = localQuota(services.localUsages, settings);
    mounts.push(new LocalMount('/local', settings.localDirectory, { quota }));
  }
  if (settings.shared) {
    // Users cannot remove files that all users see.
    mounts.push(new ReadOnlyMount('/shared', new DiskFiles('/shared', settings.sharedDirectory), null));
  }
  const uploads = new UploadsMount('/uploads', services, settings);
  // The gateway's own objects are in the buckets of users too.
  const hidden = settings.uploadPrefix === '' ? gatewayPrefix.slice(0, -1) : null;
  mounts.push(new RestrictedMount(uploads, settings.uploadRights, hidden));
  const { uploadBucket: bucket, uploadPrefix, downloadsPrefix } = settings;
  const places: readonly UserPlace[] = [
    { bucket, prefix: uploadPrefix, point: '/uploads' },
    { bucket, prefix: downloadsPrefix, point: '/downloads' },
  ];
  return new Map(mounts.map((mount) => [mount.point.slice(1), new NamedMount(mount, places)]));
}

/** Returns null if the user has no limits. Nothing is counted then. */
function localQuota(usages: DirectoryUsages, settings: UserSettings): Quota | null {
  const { localDirectory, localLimitBytes: bytes, localFilesLimit: entries } = settings;
  if (bytes === null && entries === null) {
    usages.forget(localDirectory);
    return null;
  }
  const usage = usages.of(localDirectory);
  // Counts in the background, so that the first change need not wait.
  void usage.refresh();
  return new Quota('/local', usage, { bytes, entries });
}

/** Returns whether two readings of a user's settings are equal. */
export function sameSettings(one: UserSettings, other: UserSettings): boolean {
  if (one === other) return true;
  return isDeepStrictEqual(one, other);
}
