import type { Clock, Entropy } from '../model/call.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import type { LedgerVersions } from '../model/ledger.js';
import type { ObjectRef, ObjectStore, ObjectTags } from '../model/object-store.js';
import type { ObjectVersions } from '../model/object-versions.js';
import type { AuditKeys } from './key-finder.js';

/** Dependencies of the comparison of buckets and ledger. */
export interface AuditServices {
  readonly store: ObjectStore & ObjectVersions & ObjectTags;
  readonly versions: LedgerVersions;
  readonly keys: AuditKeys;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** Versions checked so far, and their bytes. */
export interface AuditProgress {
  readonly versions: number;
  readonly bytes: number;
}

/** Kinds of findings. */
export const findingKinds = [
  /** The current version in the ledger is not in the bucket. */
  'missing',
  /** The version has a customer key, and the ledger has no row of it. */
  'foreign',
  /** A key other than the ledger's opens it. */
  'wrong-key',
  /** No available key opens it. */
  'no-key',
  'wrong-size',
  'wrong-checksum',
  /** It cannot be read completely. */
  'unreadable',
] as const;
/** Kind of a finding. */
export type FindingKind = (typeof findingKinds)[number];

/** Difference or error in one version. */
export interface AuditFinding {
  readonly kind: FindingKind;
  readonly ref: ObjectRef;
  readonly versionId: string | null;
  /** Key named by the ledger or by the version's tag. */
  readonly keyId: KeyFingerprint | null;
  /** Description of the error, for people. */
  readonly text: string;
}

/** Default max versions checked in parallel. */
export const auditParallel = 16;
/** Default number of object keys between two records of the progress. */
export const auditBatch = 500;
