import { gatewayPrefix } from '../model/gateway-objects.js';
import type { UserLocation, Username } from '../model/users.js';
import { defaultUploadPrefix, downloadsPrefix } from './resolve-settings.js';

/** A prefix of a bucket, with the name of its owner for people. */
interface Location {
  readonly name: string;
  readonly bucket: string;
  readonly prefix: string;
}

/** Two locations, one of which contains the other: a user sees or changes another user's objects. */
export interface PrefixOverlap {
  /** The user's location, such as `the uploads of bob (s3://BUCKET/bob/uploads/)`. */
  readonly own: string;
  /** The other location. */
  readonly other: string;
}

/** Names that the gateway itself uses as the first part of a prefix. */
const reservedNames: ReadonlySet<string> = new Set(['shared']);

/** Returns true for a name whose default prefixes would lie inside one of the gateway's own. */
export function isReservedName(username: Username): boolean {
  return reservedNames.has(username.toLowerCase());
}

/** Returns the location of a user's uploads, before the user exists, from the settings that are given. */
export function locationOf(
  username: Username,
  given: { readonly uploadBucket?: string; readonly uploadPrefix?: string },
  before: UserLocation | null,
  defaultBucket: string | null,
): UserLocation {
  return {
    username,
    uploadBucket: given.uploadBucket ?? before?.uploadBucket ?? defaultBucket ?? '',
    uploadPrefix: given.uploadPrefix ?? before?.uploadPrefix ?? defaultUploadPrefix(username),
  };
}

/**
 * Returns the overlaps of a user's uploads and downloads with those of other users, with `shared/` and with
 * the gateway's own objects. `others` may contain the user, who is left out.
 */
export function findOverlaps(
  user: UserLocation,
  others: readonly UserLocation[],
  defaultBucket: string | null,
): readonly PrefixOverlap[] {
  const foreign = [
    ...others.filter(({ username }) => username !== user.username).flatMap(locationsOf),
    // Users without a bucket of their own have an unknown one too, while no default is set.
    ...ownLocations(defaultBucket ?? ''),
  ];
  return locationsOf(user).flatMap((own) =>
    foreign.filter((other) => overlap(own, other)).map((other) => ({ own: shown(own), other: shown(other) })),
  );
}

function locationsOf({ username, uploadBucket: bucket, uploadPrefix }: UserLocation): readonly Location[] {
  return [
    { name: `the uploads of ${username}`, bucket, prefix: uploadPrefix },
    { name: `the downloads of ${username}`, bucket, prefix: downloadsPrefix(username) },
  ];
}

function ownLocations(bucket: string): readonly Location[] {
  return [
    { name: 'the shared directory', bucket, prefix: 'shared/' },
    { name: 'the gateway itself', bucket, prefix: gatewayPrefix },
  ];
}

function overlap(one: Location, other: Location): boolean {
  const isNested = one.prefix.startsWith(other.prefix) || other.prefix.startsWith(one.prefix);
  return one.bucket === other.bucket && isNested;
}

function shown({ name, bucket, prefix }: Location): string {
  return `${name} (s3://${bucket}/${prefix})`;
}
