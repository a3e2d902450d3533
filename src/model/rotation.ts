import type { KeyFingerprint } from './customer-key.js';
import type { FaultKind } from './fault.js';

declare const jobBrand: unique symbol;
/** The name of one rotation. */
export type RotationId = string & { readonly [jobBrand]: true };

/**
 * The treatment of older versions: they keep their key, or each becomes an object of its own,
 * encrypted with the new key.
 */
export const versionPolicies = ['keep', 'rewrite'] as const;
export type VersionPolicy = (typeof versionPolicies)[number];

/** The speed limit of a rotation; null for no limit besides `parallel`. */
export interface RotationPace {
  readonly objectsPerSecond: number | null;
  readonly bytesPerSecond: number | null;
  /** Max copy requests at a time. */
  readonly parallel: number;
}

/** Re-encrypts a user's objects from older keys with a new one. */
export interface NewRotation {
  readonly username: string;
  readonly bucket: string;
  readonly prefix: string;
  readonly newKey: KeyFingerprint;
  readonly oldKeys: readonly KeyFingerprint[];
  readonly versions: VersionPolicy;
  readonly pace: RotationPace;
}

/** The results so far. Everything except `bytes` counts objects and versions. */
export interface RotationCounts {
  /** Objects that this rotation re-encrypted with the new key, and their bytes. */
  readonly rekeyed: number;
  readonly bytes: number;
  /** Objects that had the new key already. */
  readonly already: number;
  /** Objects without a customer's key. */
  readonly withoutKey: number;
  /** Objects that another client removed meanwhile. */
  readonly gone: number;
  /** Older versions with an older key: kept, and turned into objects of their own. */
  readonly versionsKept: number;
  readonly versionsRewritten: number;
  /** Objects that failed; see the problems. */
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

/** `running` also while no process runs it: it can be resumed. */
export type RotationState = 'running' | 'done';

export interface RotationJob extends NewRotation {
  readonly id: RotationId;
  readonly state: RotationState;
  /** All keys up to and including this one are done; null at the start. */
  readonly cursor: string | null;
  /** The results up to the cursor. */
  readonly counts: RotationCounts;
  /** Reason for a pause, as a text; null while it runs. */
  readonly obstacle: string | null;
  /** The person who paused it; null if none has. Once paused, it waits until a person resumes it. */
  readonly pausedBy: string | null;
  /** The older keys that were retired because no current object needs them any more. */
  readonly retiredKeys: readonly KeyFingerprint[];
  readonly createdMs: number;
  readonly updatedMs: number;
  readonly finishedMs: number | null;
}

/** An object or a version that keeps its older key, with the reason. */
export interface RotationProblem {
  readonly key: string;
  /** Null for the current object. */
  readonly versionId: string | null;
  readonly kind: FaultKind;
  readonly text: string;
}

/** Rotations and their progress. Changes are durable when a method resolves. */
export interface RotationJobs {
  /** Throws `conflict` if the user has a running rotation. */
  begin(rotation: NewRotation): Promise<RotationJob>;
  /** Returns null if there is no rotation with this id. */
  find(id: RotationId): Promise<RotationJob | null>;
  /** Returns the running rotations, the oldest first. */
  running(): Promise<readonly RotationJob[]>;
  /** Returns all rotations, the newest first. */
  list(): Promise<readonly RotationJob[]>;
  /** Records that everything up to the cursor is done (null: nothing yet), with the problems found on the way. */
  advance(
    id: RotationId,
    cursor: string | null,
    counts: RotationCounts,
    problems: readonly RotationProblem[],
  ): Promise<void>;
  /** Changes the speed limit of a running rotation. */
  setPace(id: RotationId, pace: RotationPace): Promise<void>;
  setObstacle(id: RotationId, obstacle: string | null): Promise<void>;
  /** Pauses a running rotation for a person, or resumes it (null). */
  setPausedBy(id: RotationId, person: string | null): Promise<void>;
  finish(id: RotationId, counts: RotationCounts, retired: readonly KeyFingerprint[]): Promise<void>;
  /** Returns the problems in the order of their keys. */
  problems(id: RotationId): Promise<readonly RotationProblem[]>;
}
