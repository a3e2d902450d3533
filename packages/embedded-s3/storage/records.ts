import type { ChecksumAlgorithm, ChecksumType } from '../checksums/algorithms.js';
import type { KeyVerifier } from './key-wrap.js';

/** How an object, or an upload's parts to come, rest. Every body is sealed; this says under what. */
export type RestEncryption =
  | { readonly kind: 'sse-s3' }
  | {
      readonly kind: 'sse-kms';
      readonly algorithm: 'aws:kms' | 'aws:kms:dsse';
      readonly keyArn: string;
      readonly bucketKey: boolean;
    }
  | { readonly kind: 'sse-c'; readonly verifier: KeyVerifier };

/** A kept checksum. The value is null for an unfinished upload, which has the algorithm and type only. */
export interface KeptChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
  readonly value: string;
}

/** One stored body of an object: the whole of it, or one part. */
export interface Segment {
  readonly bodyId: string;
  /** The body's data key, wrapped. */
  readonly wrappedKey: Uint8Array;
  /** Plaintext bytes. */
  readonly size: number;
  /** The part's number, 0 for an object that was put in one piece. */
  readonly partNumber: number;
  /** The part's checksum in the object's algorithm, base64. Null for an object put in one piece. */
  readonly checksum: string | null;
}

/** What a client said of an object besides its bytes. */
export interface Description {
  /** The standard headers kept with the object (content-type, cache-control, ...), lower-case. */
  readonly headers: Readonly<Record<string, string>>;
  /** User metadata, lower-case names without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly Tag[];
  /** A canned ACL. */
  readonly acl: string;
  readonly storageClass: string;
}

export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** A version as a write makes it; the index adds its order and its id. */
export interface NewVersion {
  readonly bucket: string;
  readonly key: string;
  readonly size: number;
  /** Without quotes. */
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly description: Description;
  readonly encryption: RestEncryption;
  readonly checksum: KeptChecksum | null;
  /** The number of parts it was uploaded in, null for an object put in one piece. */
  readonly partsCount: number | null;
}

export interface ObjectVersion extends NewVersion {
  readonly deleteMarker: false;
  /** Position in the order of writes: the highest of a key is the latest. */
  readonly sequence: number;
  /** `null` (the word) for an object written while versioning was not enabled. */
  readonly versionId: string;
}

export interface DeleteMarker {
  readonly deleteMarker: true;
  readonly bucket: string;
  readonly key: string;
  readonly sequence: number;
  readonly versionId: string;
  readonly lastModifiedMs: number;
}

export type AnyVersion = ObjectVersion | DeleteMarker;

export type Versioning = 'never' | 'Enabled' | 'Suspended';

export interface BucketEncryption {
  readonly algorithm: 'AES256' | 'aws:kms' | 'aws:kms:dsse';
  readonly keyArn: string | null;
  readonly bucketKey: boolean;
}

export interface Bucket {
  readonly name: string;
  readonly createdMs: number;
  readonly versioning: Versioning;
  readonly encryption: BucketEncryption;
  /** PutBucketEncryption's BlockedEncryptionTypes holds SSE-C. */
  readonly blocksSseC: boolean;
}

export interface Upload {
  readonly uploadId: string;
  readonly bucket: string;
  readonly key: string;
  readonly initiatedMs: number;
  readonly description: Description;
  readonly encryption: RestEncryption;
  /** What the client asked for at the start, or null: then parts get CRC64NVME, and the object its combination. */
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType } | null;
}

export interface UploadedPart extends Segment {
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly checksum: string;
}
