import type { Call, Clock } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { KeyLedger, LedgerDirectory, LedgerVersions } from '../model/ledger.js';
import type { MirrorRemoval, MirrorUse } from '../model/mirror.js';
import type { ObjectStore } from '../model/object-store.js';
import type { NodeUploads, ParkedUploads } from '../model/parked-uploads.js';
import { type UserDirectory, type Username, type UserSettings, usernameOrNull } from '../model/users.js';
import type { Vfs, VfsFactory } from '../model/vfs.js';
import { downloadsMirrorName, sharedMirrorName } from '../users/mirror-sources.js';
import type { Vault } from '../vault/vault.js';
import { DirectoryUsages } from './disk/usage.js';
import { type MountServices, type Mounts, mountsFor, sameSettings } from './mounts.js';
import { DirectoryCache } from './objects/directory-cache.js';
import type { ListedNames } from './objects/listed-names.js';
import { ListingDemand } from './objects/listing-demand.js';
import { UserTree } from './tree.js';
import { OpenUploads } from './uploads/open-uploads.js';
import { ParkedFiles } from './uploads/parked-files.js';

/** Services and bounds of all users' trees. */
export interface VfsOptions {
  readonly users: Pick<UserDirectory, 'settings' | 'uploadEncryption' | 'uploadKeys' | 'downloadKeys'>;
  readonly vault: Vault;
  readonly store: Pick<ObjectStore, 'list'>;
  /** Remembers lists of directories. The store has to report its changes to it. */
  readonly listedNames: ListedNames;
  readonly ledger: LedgerDirectory & Pick<KeyLedger, 'recordMtime'>;
  readonly versions: Pick<LedgerVersions, 'restore'>;
  readonly clock: Clock;
  readonly parked: Pick<ParkedUploads, 'ownParked' | 'setMtime'>;
  /** The uploads of other nodes; null if there are none. */
  readonly nodes: NodeUploads | null;
  /** Time that a parked upload is kept; 0 disables parking. */
  readonly resumeWindowMs: number;
  /** True if listings contain parked uploads; STAT always finds them. */
  readonly listsParked: boolean;
  /** Max objects of a directory in S3 that can be renamed. */
  readonly renameLimit: number;
  /** Removes mirrored downloads, and compares directories more often while someone sees them. */
  readonly mirror: MirrorRemoval & MirrorUse;
}

/** A factory that also gives access to the parked uploads. */
export interface UploadingVfsFactory extends VfsFactory {
  /** Must be restored before the first tree is created. */
  readonly parkedFiles: Pick<ParkedFiles, 'restore' | 'adopt' | 'expire' | 'release'>;
}

/**
 * Creates the users' trees. A process has one factory, because all its trees share the uploads in progress.
 * Sessions of the same user in another process see a file once it is complete, or parked if they share the database.
 */
export function createVfsFactory(options: VfsOptions): UploadingVfsFactory {
  const open = new OpenUploads(options.clock);
  const parkedFiles = new ParkedFiles({ ...options, open, windowMs: options.resumeWindowMs });
  const services: MountServices = {
    ...options,
    open,
    parkedFiles,
    localUsages: new DirectoryUsages(options.clock),
    store: options.listedNames.over(options.store),
    directoryCache: new DirectoryCache(options.clock),
    listingDemand: new ListingDemand(options.clock, options.listedNames.lifetimeMs),
    reported: new Set(),
  };
  return {
    parkedFiles,
    async forUser(call: Call, text: string): Promise<Vfs | null> {
      const username = usernameOrNull(text);
      if (username === null || (await options.users.settings(call, username)) === null) return null;
      const closed = options.mirror.sessionOpened([downloadsMirrorName(username), sharedMirrorName]);
      return new UserTree(mountsOf(services, options.users, username), closed);
    },
  };
}

/** Returns the user's mounts. They are created again only if the user's settings have changed. */
function mountsOf(
  services: MountServices,
  users: Pick<UserDirectory, 'settings'>,
  username: Username,
): (call: Call) => Promise<Mounts> {
  let last: { readonly settings: UserSettings; readonly mounts: Mounts } | null = null;
  return async (call) => {
    const settings = await users.settings(call, username);
    if (settings === null) throw new Fault('denied', 'this account has been removed');
    if (last === null || !sameSettings(last.settings, settings))
      last = { settings, mounts: mountsFor(services, settings) };
    return last.mounts;
  };
}
