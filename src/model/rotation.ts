import type { KeyFingerprint } from './customer-key.js';
import type { FaultKind } from './fault.js';

declare const jobBrand: unique symbol;
/** Names one rotation. */
export type RotationId = string & { readonly [jobBrand]: true };

/** What is done with older versions of objects: they stay and keep their key, or each becomes an object of its own under the new key. */
export const versionPolicies = ['keep', 'rewrite'] as const;
export type VersionPolicy = (typeof versionPolicies)[number];

/** How fast a rotation may go. Null: as fast as S3 and `parallel` allow. */
export interface RotationPace {
  readonly objectsPerSecond: number | null;
  readonly bytesPerSecond: number | null;
  /** Requests that copy, side by side. */
  readonly parallel: number;
}

/** A user's objects, from older keys to a new one. */
export interface NewRotation {
  readonly username: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly newKey: KeyFingerprint;
  readonly oldKeys: readonly KeyFingerprint[];
  readonly versions: VersionPolicy;
  readonly pace: RotationPace;
}

/** What has been found and done so far. Objects and versions, but for `bytes`. */
export interface RotationCounts {
  /** Given the new key by this rotation, and their bytes. */
  readonly rekeyed: number;
  readonly bytes: number;
  /** Under the new key already. */
  readonly already: number;
  /** Without a customer's key. */
  readonly withoutKey: number;
  /** Removed by somebody while they were looked at. */
  readonly gone: number;
  /** Older versions under an older key: left, and made objects of their own. */
  readonly versionsKept: number;
  readonly versionsRewritten: number;
  /** What could not be done; see the problems. */
  readonly failed: number;
}

export const noCounts: RotationCounts = {
  rekeyed: 0,
  bytes: 0,
  already: 0,
  withoutKey: 0,
  gone: 0,
  versionsKept: 0,
  versionsRewritten: 0,
  failed: 0,
};

/** `running` also when nobody runs it at the moment: it is to be gone on with. */
export type RotationState = 'running' | 'done';

export interface RotationJob extends NewRotation {
  readonly id: RotationId;
  readonly state: RotationState;
  /** Everything up to and with this key is done; null at the beginning. */
  readonly cursor: string | null;
  /** Of everything up to the cursor. */
  readonly counts: RotationCounts;
  /** Why it stands still, in words; null while it goes on. */
  readonly obstacle: string | null;
  /** The older keys that nothing current needs any more: retired. */
  readonly retiredKeys: readonly KeyFingerprint[];
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly finishedMs: number | null;
}

/** An object or a version that keeps its older key, with the reason. */
export interface RotationProblem {
  readonly key: string;
  /** Null for the object as it is. */
  readonly versionId: string | null;
  readonly kind: FaultKind;
  readonly text: string;
}

/** Rotations and how far they are. What a method changed is durable when it resolves. */
export interface RotationJobs {
  /** Throws `conflict` when one of the user is running. */
  begin(rotation: NewRotation): Promise<RotationJob>;
  /** Null when there is none of this id. */
  find(id: RotationId): Promise<RotationJob | null>;
  /** The oldest first. */
  running(): Promise<readonly RotationJob[]>;
  /** All of them, the newest first. */
  list(): Promise<readonly RotationJob[]>;
  /** Everything up to the cursor is done; the problems are those found on the way to it. */
  advance(
    id: RotationId,
    cursor: string,
    counts: RotationCounts,
    problems: readonly RotationProblem[],
  ): Promise<void>;
  /** A running one goes on at another pace. */
  setPace(id: RotationId, pace: RotationPace): Promise<void>;
  setObstacle(id: RotationId, obstacle: string | null): Promise<void>;
  finish(id: RotationId, counts: RotationCounts, retired: readonly KeyFingerprint[]): Promise<void>;
  /** In the order of their keys. */
  problems(id: RotationId): Promise<readonly RotationProblem[]>;
}
