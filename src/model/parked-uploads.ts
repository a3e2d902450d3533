import type { IntentId, SealedWith } from './ledger.js';
import type { ObjectRef, PartReceipt } from './object-store.js';

/** A multipart upload that was broken off, and waits at S3 for its client to come back. */
export interface ParkedUpload {
  /** The ledger's row, which stays `intended`. */
  readonly id: IntentId;
  readonly ref: ObjectRef;
  readonly sealedWith: SealedWith;
  /** The SFTP user. */
  readonly actor: string;
  readonly uploadId: string;
  /** The parts that S3 has, from 1 on without a gap, at least one. */
  readonly parts: readonly PartReceipt[];
  /** The file's time in seconds since the epoch, when the client has set one. */
  readonly mtimeSeconds: number | null;
  readonly parkedMs: number;
}

/** What is noted of one beside its row. */
export type ParkedParts = Pick<ParkedUpload, 'id' | 'parts' | 'mtimeSeconds'>;

/** How many bytes of the file S3 has. */
export function parkedBytes({ parts }: Pick<ParkedUpload, 'parts'>): number {
  return parts.reduce((sum, part) => sum + part.size, 0);
}

/** Which broken uploads wait to be resumed. What resolves is durable. While one is parked, a restart leaves its row and its upload alone. */
export interface ParkedUploads {
  /** Answers it as `parked` shows it. Throws `bug` when the row is not `intended`, or has no upload. */
  park(kept: ParkedParts): Promise<ParkedUpload>;
  /** It is resumed, or given up: a restart settles its row from now on. False when it was not parked. */
  unpark(id: IntentId): Promise<boolean>;
  /** All of them, the oldest first. */
  parked(): Promise<readonly ParkedUpload[]>;
}
