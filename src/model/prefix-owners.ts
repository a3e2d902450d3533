import type { CannedAcl, WriteEncryption } from './encryption.js';
import type { ObjectRef } from './object-store.js';
import type { Username } from './users.js';

/** Whose a place in a bucket is, and what the files say of objects there. */
export interface PrefixOwner {
  /** For a person: `the uploads of bob`. */
  readonly name: string;
  /** Null for the shared directory. */
  readonly username: Username | null;
  readonly bucket: string;
  /** Ends with `/`. */
  readonly prefix: string;
  readonly acl: CannedAcl | null;
  /**
   * What a new object here rests under, as the files say now. Throws `invalid` (they do not say it, or say what is wrong) and
   * `key-missing`, naming the file.
   */
  encryption(): Promise<WriteEncryption>;
}

/** The places that the gateway's users and its shared directory have in S3. */
export interface PrefixOwners {
  /** All of them, as the files say now. A user whose files are wrong is in it, and says so when asked for the encryption. */
  list(): Promise<readonly PrefixOwner[]>;
}

/** Whose places cover the object; of those that lie within each other the innermost. More than one when they share a prefix. */
export function ownersOf(owners: readonly PrefixOwner[], ref: ObjectRef): readonly PrefixOwner[] {
  const covering = owners.filter(({ bucket, prefix }) => bucket === ref.bucket && ref.key.startsWith(prefix));
  const maxLength = Math.max(0, ...covering.map(({ prefix }) => prefix.length));
  return covering.filter(({ prefix }) => prefix.length === maxLength);
}
