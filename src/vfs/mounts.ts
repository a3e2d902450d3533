import type { UserSettings } from '../model/users.js';
import { DiskFiles } from './disk/files.js';
import { LocalMount } from './disk/local.js';
import { type DownloadServices, downloadsMount } from './downloads/mount.js';
import type { Mount } from './mount.js';
import { ReadOnlyMount } from './read-only.js';
import type { UploadMountServices } from './uploads/context.js';
import { UploadsMount } from './uploads/mount.js';

/** The directories of a user's `/` by name, in listing order. */
export type Mounts = ReadonlyMap<string, Mount>;

/** Services that the mounts of all sessions share. */
export type MountServices = UploadMountServices & DownloadServices;

/** Returns the mounts that a user's settings enable. */
export function mountsFor(services: MountServices, settings: UserSettings): Mounts {
  const mounts: Mount[] = [];
  if (settings.downloads) mounts.push(downloadsMount(services, settings));
  mounts.push(new LocalMount('/local', settings.localDirectory));
  if (settings.shared) {
    // Users cannot remove files that all users see.
    mounts.push(new ReadOnlyMount('/shared', new DiskFiles('/shared', settings.sharedDirectory), null));
  }
  mounts.push(new UploadsMount('/uploads', services, settings));
  return new Map(mounts.map((mount) => [mount.point.slice(1), mount]));
}

/** Returns whether two readings of a user's settings are equal. */
export function sameSettings(one: UserSettings, other: UserSettings): boolean {
  if (one === other) return true;
  const names = Object.keys(one) as (keyof UserSettings)[];
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
}
