import type { Call } from './call.js';
import type { ObjectRef } from './object-store.js';

/** How a user's bucket is accessed, where this is not the gateway's own access. Null keeps the gateway's. */
export interface BucketAccess {
  readonly region: string | null;
  readonly endpoint: string | null;
  /** The role that the gateway assumes for every request, and the external id that it states. */
  readonly roleArn: string | null;
  readonly externalId: string | null;
}

export type BucketVersioning = 'never' | 'enabled' | 'suspended';

/** The parts of a bucket's lifecycle rules that matter to a gateway. */
export interface BucketLifecycle {
  /** True if incomplete multipart uploads of the whole bucket are aborted after some days. */
  readonly abortsIncompleteUploads: boolean;
  /** True if noncurrent versions are removed after some days. */
  readonly expiresOlderVersions: boolean;
}

/**
 * Reads a bucket's own settings. Faults: `not-found` (no such bucket), `denied` (names the
 * permission), `unsupported` (the server has no such setting), and those of the network.
 */
export interface BucketSettings {
  versioning(call: Call, bucket: string): Promise<BucketVersioning>;
  lifecycle(call: Call, bucket: string): Promise<BucketLifecycle>;
  /** Returns true if the bucket refuses SSE-C writes. */
  blocksSseC(call: Call, bucket: string): Promise<boolean>;
  /** Returns the statements of the bucket's policy; none without one. Throws `invalid` for one that is not JSON. */
  policy(call: Call, bucket: string): Promise<readonly BucketPolicyStatement[]>;
  /** Returns true if the bucket locks every new object for a time. False if that cannot be read. */
  locksNewObjects(call: Call, bucket: string): Promise<boolean>;
}

/** Objects that S3 protects against removal (Object Lock). Faults: as `BucketSettings`. */
export interface RetainedObjects {
  /** Returns true if the bucket has Object Lock. */
  hasObjectLock(call: Call, bucket: string): Promise<boolean>;
  /**
   * Creates an object that cannot be removed or replaced before this time (compliance mode). Throws `exists` if
   * there is one already.
   */
  putRetained(call: Call, ref: ObjectRef, bytes: Uint8Array, retainUntilMs: number): Promise<void>;
}

/** A statement of a policy that anyone may have written. */
export type BucketPolicyStatement = Readonly<Record<string, unknown>>;

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

/** One statement of an IAM or bucket policy. `Sid` names it. */
export interface PolicyStatement {
  readonly Sid: string;
  readonly Effect: 'Allow' | 'Deny';
  readonly [name: string]: JsonValue;
}

export interface StatementChange {
  readonly statements: readonly PolicyStatement[];
  readonly obsoleteSids: readonly string[];
}

/**
 * Changes to a bucket that an administrator requests. Existing rules are kept. Each method returns
 * whether it changed anything. Faults: as `BucketSettings`.
 */
export interface BucketProvisioning {
  /**
   * Removes SSE-C from the encryption types that the bucket blocks, and keeps the rest of its
   * encryption rule.
   */
  allowSseC(call: Call, bucket: string): Promise<boolean>;
  /**
   * Changes the bucket's policy: replaces the statements with the same Sid, removes the obsolete
   * ones and keeps all others.
   */
  setStatements(call: Call, bucket: string, change: StatementChange): Promise<boolean>;
  /** Adds a lifecycle rule that aborts incomplete uploads, unless one exists. */
  abortIncompleteUploads(call: Call, bucket: string, afterDays: number): Promise<boolean>;
}
