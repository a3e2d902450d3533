import type { Call } from './call.js';
import type { IntentId, SealedWith } from './ledger.js';
import type { ObjectRef, PartReceipt } from './object-store.js';

/**
 * A multipart upload that is kept at S3. It was interrupted and waits for its client to resume it, or it is
 * complete and waits for its client to rename it.
 */
export interface ParkedUpload {
  /** The ledger's row, which stays `intended`. */
  readonly id: IntentId;
  readonly ref: ObjectRef;
  readonly sealedWith: SealedWith;
  /** The SFTP user. */
  readonly actor: string;
  readonly uploadId: string;
  /**
   * The key that clients see, if it is not the one in `ref`: the name is excluded, and the object will get
   * another one.
   */
  readonly shownKey: string | null;
  /** True if all bytes of the file are in S3. */
  readonly isComplete: boolean;
  /** The parts in S3, numbered from 1 without a gap; at least one, unless the file is complete and empty. */
  readonly parts: readonly PartReceipt[];
  /** The file's time in seconds since the epoch, if the client has set one. */
  readonly mtimeSeconds: number | null;
  readonly parkedMs: number;
}

/** The part of a parked upload that is recorded beside its row. */
export type ParkedParts = Pick<ParkedUpload, 'id' | 'parts' | 'mtimeSeconds'> &
  Partial<Pick<ParkedUpload, 'shownKey' | 'isComplete'>>;

/** Returns the location under which clients see the upload. */
export function shownRef({ ref, shownKey }: Pick<ParkedUpload, 'ref' | 'shownKey'>): ObjectRef {
  return shownKey === null ? ref : { bucket: ref.bucket, key: shownKey };
}

/** Returns the number of bytes of the file in S3. */
export function parkedBytes({ parts }: Pick<ParkedUpload, 'parts'>): number {
  return parts.reduce((sum, part) => sum + part.size, 0);
}

/**
 * The uploads that wait to be resumed or renamed. Changes are durable when a method resolves. A
 * restart leaves the row and the upload of a parked upload alone.
 */
export interface ParkedUploads {
  /**
   * Records an upload as parked and returns it as `parked` does. Throws `bug` if the row is not
   * `intended` or has no upload.
   */
  park(kept: ParkedParts): Promise<ParkedUpload>;
  /**
   * Records that an upload is resumed or aborted: from now on, a restart settles its row. Returns
   * false if it was not parked.
   */
  unpark(id: IntentId): Promise<boolean>;
  /** Records the file's time, in seconds since the epoch. Returns false if the upload is not parked. */
  setMtime(id: IntentId, mtimeSeconds: number): Promise<boolean>;
  /** Returns all of them, the oldest first. */
  parked(): Promise<readonly ParkedUpload[]>;
  /** Returns those of this gateway, if several share the database; otherwise as `parked`. */
  ownParked(): Promise<readonly ParkedUpload[]>;
}

/** A name for an upload, and who uses it. */
export interface UploadName {
  /** The location under which clients see the upload. */
  readonly shown: ObjectRef;
  /** The location of its object. Differs if the name is excluded. */
  readonly stored: ObjectRef;
  /** The SFTP user. */
  readonly actor: string;
}

/** The unfinished uploads to a name, on all nodes. */
export interface FoundUploads {
  /** The newest upload that is parked under the name, or null. */
  readonly parked: ParkedUpload | null;
  /** Whether another node has an upload of the same user in progress. */
  readonly isElsewhere: boolean;
}

/** The uploads of several nodes that share a database. All methods throw the database's faults. */
export interface NodeUploads {
  find(name: UploadName): Promise<FoundUploads>;
  /** Returns the uploads that are parked directly below a prefix, the oldest first. */
  parkedBelow(bucket: string, prefix: string): Promise<readonly ParkedUpload[]>;
  /** Returns which of the uploads are still parked, on whatever node. */
  stillParked(ids: readonly IntentId[]): Promise<ReadonlySet<IntentId>>;
  /**
   * Asks the other nodes to park the upload of the same user to this name if its client is silent. If a node does
   * not answer, waits until it is dead and its upload is aborted, for 15 seconds at most.
   */
  release(call: Call, name: UploadName): Promise<void>;
}
