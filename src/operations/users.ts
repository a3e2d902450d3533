import { Fault } from '../model/fault.js';
import type { UserChange, Username, UserRegistry, UserSummary } from '../model/users.js';
import { findOverlaps, isReservedName, locationOf } from '../users/prefix-overlaps.js';

/** Returns the fault for a user that does not exist. */
export function unknownUser(username: Username): Fault {
  return new Fault('not-found', `there is no user ${username}: see \`sftpgw user list\``);
}

/** An answer that a change needs before it can be saved. */
export type Missing = 'login' | 'kms-key' | 'sse-key';

/** Returns the missing answers: a new user needs a login, and an encryption with a key needs that key. */
export function missingFor(change: UserChange, existing: UserSummary | null): readonly Missing[] {
  const missing: Missing[] = [];
  if (existing === null && change.publicKeys === undefined && change.password === undefined)
    missing.push('login');
  if (change.uploadOption === 2 && change.kmsKeyArn === undefined && existing?.uploadOption !== 2) {
    missing.push('kms-key');
  }
  if (
    change.uploadOption === 3 &&
    change.uploadKey === undefined &&
    change.uploadKeyId === undefined &&
    (existing?.uploadKeyFingerprint ?? null) === null
  ) {
    missing.push('sse-key');
  }
  return missing;
}

/**
 * Throws `conflict` if a new or moved user would see objects of others. `remedy` is the last clause of the text.
 */
export async function refuseOverlap(
  registry: Pick<UserRegistry, 'locations'>,
  {
    username,
    change,
    before,
    bucket,
    remedy,
  }: {
    readonly username: Username;
    readonly change: UserChange;
    readonly before: UserSummary | null;
    /** The default bucket. */
    readonly bucket: string | null;
    readonly remedy: string;
  },
): Promise<void> {
  const isMoved = change.uploadBucket !== undefined || change.uploadPrefix !== undefined;
  if (before !== null && !isMoved) return;
  if (before === null && isReservedName(username)) {
    throw new Fault(
      'conflict',
      `the user name ${username} is reserved: the prefix "shared/" is the directory of all users; ${remedy}`,
    );
  }
  const location = locationOf(username, change, before, bucket);
  const [overlap] = findOverlaps(location, await registry.locations(), bucket);
  if (overlap === undefined) return;
  throw new Fault('conflict', `${overlap.own} would overlap with ${overlap.other}; ${remedy}`);
}

/** The services of `saveUser`. */
export interface UserAdministration {
  readonly registry: UserRegistry;
  readonly settings: { readonly bucket: string | null };
}

/** How a user is saved. */
export interface SaveUser {
  readonly username: Username;
  readonly change: UserChange;
  readonly before: UserSummary | null;
  /** Accepts a prefix that contains objects of others. */
  readonly allowsOverlap: boolean;
}

/**
 * Creates or amends a user, and returns the result. The caller has checked `missingFor`. Throws `conflict` for an
 * overlap, and the faults of `UserRegistry.save`.
 */
export async function saveUser(
  { registry, settings }: UserAdministration,
  { username, change, before, allowsOverlap }: SaveUser,
): Promise<UserSummary> {
  if (!allowsOverlap) {
    const remedy = 'choose another one, or allow the overlap';
    await refuseOverlap(registry, { username, change, before, bucket: settings.bucket, remedy });
  }
  await registry.save(username, change);
  const after = await registry.describe(username);
  if (after === null) throw new Fault('conflict', `${username} was removed by another command: try again`);
  return after;
}
