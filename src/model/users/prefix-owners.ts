import type { CannedAcl, WriteEncryption } from '../encryption.js';
import type { ObjectRef } from '../object-store.js';
import type { Username } from '../users.js';

/** The owner of a location in a bucket, and the encryption that its files set for objects there. */
export interface PrefixOwner {
  /** For people, such as `the uploads of bob`. */
  readonly name: string;
  /** Null for the shared directory. */
  readonly username: Username | null;
  readonly bucket: string;
  /** Ends with `/`. */
  readonly prefix: string;
  readonly acl: CannedAcl | null;
  /**
   * Returns the encryption of new objects here, by the present files. Throws `invalid` (it is not
   * set, or set wrongly) and `key-missing`, naming the file.
   */
  encryption(): Promise<WriteEncryption>;
}

/** The locations of the gateway's users and its shared directory in S3. */
export interface PrefixOwners {
  /**
   * Returns all locations by the present files. A user whose files are invalid is logged and left out.
   */
  list(): Promise<readonly PrefixOwner[]>;
}

/**
 * Returns the owners whose location contains the object. Of nested locations it returns the
 * innermost. It returns more than one if they share a prefix.
 */
export function ownersOf(owners: readonly PrefixOwner[], ref: ObjectRef): readonly PrefixOwner[] {
  const covering = owners.filter(({ bucket, prefix }) => bucket === ref.bucket && ref.key.startsWith(prefix));
  const maxLength = Math.max(0, ...covering.map(({ prefix }) => prefix.length));
  return covering.filter(({ prefix }) => prefix.length === maxLength);
}
