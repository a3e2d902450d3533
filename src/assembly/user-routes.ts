import { forEachBounded } from '../concurrency/bounded.js';
import { stampsOfGroups } from '../files/file-stamps.js';
import type { Call, Clock } from '../model/call.js';
import { isFault } from '../model/fault.js';
import type { UserDirectory, Username, UserSettings } from '../model/users.js';
import type { StoreRoutes } from '../s3/routing/store-routes.js';
import { homesOf } from '../users/homes.js';
import { type UserDirectories, userPaths } from '../users/user-paths.js';

/** How often the locations of all users are read. The SFTP server sees a user's change at once. */
const refreshMs = 30_000;
/** Users whose settings are read in parallel. */
const parallelReads = 16;

/** The users' locations in S3, as their files define them. */
export interface UserRoutes {
  /** The same users. Each reading of settings updates the routes. */
  readonly users: UserDirectory;
  /** Reads the locations of all users. A user whose files are invalid keeps the last location. */
  refresh(call: Call): Promise<void>;
  /** Refreshes until the call is cancelled. */
  watch(call: Call, clock: Clock): Promise<void>;
}

/**
 * Keeps `routes` for the users in these directories. `refresh` must be called first. It reads the settings of a user
 * again only if their files or the default bucket have changed.
 */
export function createUserRoutes(
  users: UserDirectory,
  directories: UserDirectories,
  routes: Pick<StoreRoutes, 'set'>,
  defaultBucket: () => string | null,
): UserRoutes {
  const settings = async (call: Call, username: Username): Promise<UserSettings | null> => {
    const found = await users.settings(call, username);
    routes.set(username, found === null ? null : ownerOf(found));
    return found;
  };
  let seen: ReadonlyMap<Username, string | null> = new Map();
  let seenBucket: string | null = null;
  const refresh = async (call: Call): Promise<void> => {
    const usernames = await homesOf(directories.homes);
    const stamps = await stampsOfGroups(
      usernames.map((username) => {
        const { privateDirectory, properties } = userPaths(directories, username);
        return [privateDirectory, properties];
      }),
    );
    const now = new Map(usernames.map((username, index) => [username, stamps[index] ?? null]));
    const bucket = defaultBucket();
    const isSame = (username: Username): boolean => {
      const stamp = now.get(username) ?? null;
      return stamp !== null && stamp === seen.get(username) && bucket === seenBucket;
    };
    const changed = usernames.filter((username) => !isSame(username));
    await forEachBounded(call.signal, changed, parallelReads, async (username) => {
      await settings(call, username).catch(() => null);
    });
    for (const username of seen.keys()) if (!now.has(username)) routes.set(username, null);
    seen = now;
    seenBucket = bucket;
  };
  return {
    users: {
      settings,
      uploadEncryption: (call, username) => users.uploadEncryption(call, username),
      uploadKeys: (call, username) => users.uploadKeys(call, username),
      downloadKeys: (call, username) => users.downloadKeys(call, username),
    },
    refresh,
    async watch(call, clock) {
      try {
        for (;;) {
          await clock.sleep(refreshMs, call.signal);
          await refresh(call).catch(() => undefined);
        }
      } catch (error) {
        if (!isFault(error, 'cancelled')) throw error;
      }
    },
  };
}

function ownerOf({ username, uploadBucket, uploadPrefix, downloadsPrefix, access }: UserSettings) {
  return { username, bucket: uploadBucket, prefixes: [uploadPrefix, downloadsPrefix], access };
}
