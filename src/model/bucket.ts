import type { Call } from './call.js';

export type BucketVersioning = 'never' | 'enabled' | 'suspended';

/** What a bucket's lifecycle rules do of what matters to a gateway. */
export interface BucketLifecycle {
  /** Unfinished multipart uploads of the whole bucket are aborted after some days. */
  readonly abortsUnfinishedUploads: boolean;
  /** Versions that are no longer the current one are removed after some days. */
  readonly expiresOlderVersions: boolean;
}

/**
 * A bucket's own settings. Nothing is changed. Faults: `not-found` (no such bucket), `denied` (names the permission), `unsupported` (the
 * server has no such setting), and those of the network.
 */
export interface BucketSettings {
  versioning(call: Call, bucket: string): Promise<BucketVersioning>;
  lifecycle(call: Call, bucket: string): Promise<BucketLifecycle>;
  /** True when writes under a customer's key are refused. */
  blocksSseC(call: Call, bucket: string): Promise<boolean>;
}

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
 * Changes of a bucket that an administrator asks for. What is there already is kept; each answers whether anything had to be
 * changed. Faults as `BucketSettings`.
 */
export interface BucketProvisioning {
  /** Takes SSE-C out of what the bucket blocks; the rest of its encryption rule stays. */
  allowSseC(call: Call, bucket: string): Promise<boolean>;
  /** Changes the bucket's policy: statements with the Sid of one of these, or an obsolete one, go; these come; all others stay. */
  setStatements(call: Call, bucket: string, change: StatementChange): Promise<boolean>;
  /** Adds a lifecycle rule, unless one does it already. */
  abortUnfinishedUploads(call: Call, bucket: string, afterDays: number): Promise<boolean>;
}
