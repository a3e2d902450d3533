import type { Clock, Entropy } from '../model/call.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import type { LedgerVersions } from '../model/ledger.js';
import type { ObjectRef, ObjectStore, ObjectTags, ObjectVersions } from '../model/object-store.js';
import type { AuditKeys } from './key-finder.js';

/** What comparing a bucket with the ledger stands on. */
export interface AuditServices {
  readonly store: ObjectStore & ObjectVersions & ObjectTags;
  readonly versions: LedgerVersions;
  readonly keys: AuditKeys;
  readonly clock: Clock;
  readonly entropy: Entropy;
}

/** How far it has come: versions, and the bytes of them. */
export interface AuditProgress {
  readonly versions: number;
  readonly bytes: number;
}

export const findingKinds = [
  /** The ledger has it as an object's present version, the bucket does not. */
  'missing',
  /** It rests under a customer key, and the ledger knows nothing of it. */
  'foreign',
  /** Another key opens it than the ledger says. */
  'wrong-key',
  /** No key at hand opens it. */
  'no-key',
  'wrong-size',
  'wrong-checksum',
  /** It cannot be read to its end. */
  'unreadable',
] as const;
export type FindingKind = (typeof findingKinds)[number];

/** One version with which something is wrong. */
export interface AuditFinding {
  readonly kind: FindingKind;
  readonly ref: ObjectRef;
  readonly versionId: string | null;
  /** The key that the ledger, or the version's tag, names. */
  readonly keyId: KeyFingerprint | null;
  /** For a person: what is wrong. */
  readonly text: string;
}

/** Versions looked at side by side. */
export const auditParallel = 16;
/** Keys between two looks at how far it has come. */
export const auditBatch = 500;
