import type { ChecksumAlgorithm, ChecksumType } from '../checksums/algorithms.js';
import type { KeyVerifier } from './key-wrap.js';

/** The encryption of an object, or of the parts of an upload. Every body is sealed; this names the key. */
export type RestEncryption =
  | { readonly kind: 'sse-s3' }
  | {
      readonly kind: 'sse-kms';
      readonly algorithm: 'aws:kms' | 'aws:kms:dsse';
      readonly keyArn: string;
      readonly bucketKey: boolean;
    }
  | { readonly kind: 'sse-c'; readonly verifier: KeyVerifier };

/** A stored checksum. The value is null for an incomplete upload, which has only algorithm and type. */
export interface KeptChecksum {
  readonly algorithm: ChecksumAlgorithm;
  readonly type: ChecksumType;
  readonly value: string;
}

/** One stored body of an object: all of it, or one part. */
export interface Segment {
  readonly bodyId: string;
  /** The wrapped data key of the body. */
  readonly wrappedKey: Uint8Array;
  /** Plaintext bytes. */
  readonly size: number;
  /** The number of the part; 0 for an object from a single PUT. */
  readonly partNumber: number;
  /** The checksum of the part in the object's algorithm, base64; null for an object from a single PUT. */
  readonly checksum: string | null;
}

/** The description of an object from its client, without its bytes. */
export interface Description {
  /** The standard headers of the object (content-type, cache-control, ...), in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** User metadata, with lower-case names without `x-amz-meta-`. */
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

/** A version as a write creates it. The index adds its order and its id. */
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
  /** The number of its parts; null for an object from a single PUT. */
  readonly partsCount: number | null;
}

export interface ObjectVersion extends NewVersion {
  readonly deleteMarker: false;
  /** Position in the order of writes: the highest of a key is the latest. */
  readonly sequence: number;
  /** The text `null` for an object that was written while versioning was not enabled. */
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
  /** True if PutBucketEncryption's BlockedEncryptionTypes contains SSE-C. */
  readonly blocksSseC: boolean;
}

export interface Upload {
  readonly uploadId: string;
  readonly bucket: string;
  readonly key: string;
  readonly initiatedMs: number;
  readonly description: Description;
  readonly encryption: RestEncryption;
  /**
   * The client's choice at the start, or null: then parts get CRC64NVME, and the object their
   * combination.
   */
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly type: ChecksumType } | null;
}

export interface UploadedPart extends Segment {
  readonly etag: string;
  readonly lastModifiedMs: number;
  readonly checksum: string;
}
