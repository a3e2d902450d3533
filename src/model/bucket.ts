import type { Call } from './call.js';

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
