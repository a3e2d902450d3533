import type { Semaphore } from '../concurrency/semaphore.js';
import type { Call } from '../model/call.js';
import { compareChecksums } from '../model/checksum.js';
import type { CustomerKey, KeyFingerprint } from '../model/customer-key.js';
import { Fault, isFault } from '../model/fault.js';
import type { LiveRow } from '../model/ledger.js';
import type { ObjectRef } from '../model/object-store.js';
import type { ListedVersion } from '../model/object-versions.js';
import { noCounts, type RotationCounts, type RotationJob, type RotationProblem } from '../model/rotation.js';
import { sealedWith } from '../vault/sealed-with.js';
import type { AclReader } from './acl-reader.js';
import {
  type KnownVersion,
  knownVersionOf,
  knownVersionOfEncryption,
  planVersion,
  type RotationKeys,
  versionName,
} from './planner.js';
import type { RateLimiter } from './rate-limiter.js';
import type { RotationServices } from './services.js';
import type { VersionGroup } from './version-groups.js';

/** Max attempts for an object that other clients keep replacing while it is copied. */
const maxAttempts = 5;

/** State shared by all steps of a running rotation. */
export interface RunningRotation {
  readonly services: RotationServices;
  readonly call: Call;
  readonly job: RotationJob;
  readonly keys: RotationKeys;
  readonly newKey: CustomerKey;
  /** Every key that may open the user's objects, the new key first. */
  readonly openers: readonly CustomerKey[];
  readonly pace: RateLimiter;
  readonly acls: AclReader;
  /** Bounds the number of parallel copies. */
  readonly copies: Semaphore;
}

/** Counts and problems of one object. */
export interface ObjectOutcome {
  readonly counts: RotationCounts;
  readonly problems: readonly RotationProblem[];
}

/**
 * Rotates one object and its older versions. Returns errors of this object as problems in the outcome. Throws
 * only faults that every object would meet, such as an unavailable S3 or a cancelled call.
 */
export async function rotateObject(running: RunningRotation, group: VersionGroup): Promise<ObjectOutcome> {
  const ref: ObjectRef = { bucket: running.job.bucket, key: group.key };
  const rows = await running.services.versions.liveRowsOf(ref);
  const tally = new Tally(group.key);
  // Oldest first, so that an older version becomes an object of its own before a newer one changes.
  for (const version of [...group.versions].reverse()) {
    await attemptVersion(running, ref, version, rows, tally);
  }
  return tally;
}

class Tally implements ObjectOutcome {
  counts: RotationCounts = noCounts;
  readonly problems: RotationProblem[] = [];
  readonly #key: string;

  constructor(key: string) {
    this.#key = key;
  }

  add(what: keyof RotationCounts, by = 1): void {
    this.counts = { ...this.counts, [what]: this.counts[what] + by };
  }

  fail(version: ListedVersion, kind: Fault['kind'], text: string): void {
    this.add('failed');
    const versionId = version.isLatest ? null : version.versionId;
    this.problems.push({ key: this.#key, versionId, kind, text });
  }
}

async function attemptVersion(
  running: RunningRotation,
  ref: ObjectRef,
  version: ListedVersion,
  rows: readonly LiveRow[],
  tally: Tally,
): Promise<void> {
  try {
    const step = await decide(running, ref, version, rows);
    switch (step.do) {
      case 'nothing':
        if (step.because === 'already') tally.add('already');
        if (step.because === 'without-key') tally.add('withoutKey');
        return;
      case 'gone':
        tally.add('gone');
        return;
      case 'keep-version':
        tally.add('versionsKept');
        return;
      case 'rewrite-version':
        await rewriteVersion(running, ref, version, rows);
        tally.add('versionsRewritten');
        return;
      case 'report':
        tally.fail(version, 'key-mismatch', otherKey(step.key));
        return;
      case 'rekey':
        await rekey(running, ref, version, tally);
    }
  } catch (error) {
    const fault = Fault.from(error);
    if (fault.isTransient || fault.kind === 'cancelled' || fault.kind === 'bug') throw fault;
    tally.fail(version, fault.kind, fault.hint);
  }
}

function otherKey(key: KeyFingerprint | null): string {
  return key === null
    ? 'encrypted with an unknown key, not one of this user’s'
    : `encrypted with the key ${key}, not one of this user’s`;
}

type Decision = Exclude<ReturnType<typeof planVersion>, { do: 'inspect' }> | { readonly do: 'gone' };

/** Decides by the ledger's row for this version, or by HEAD if there is no such row. */
async function decide(
  running: RunningRotation,
  ref: ObjectRef,
  version: ListedVersion,
  rows: readonly LiveRow[],
): Promise<Decision> {
  const { keys, job } = running;
  const row = rowFor(version, rows);
  const step = planVersion(version, row === null ? null : knownVersionOf(row.sealedWith), keys, job.versions);
  if (step.do !== 'inspect') return step;
  const known = await inspect(running, ref, version);
  if (known === null) return { do: 'gone' };
  const seen = planVersion(version, known, keys, job.versions);
  return seen.do === 'inspect' ? { do: 'report', key: null } : seen;
}

/**
 * Returns the row of this version. Without versioning that is the current row, provided that the ETag
 * matches.
 */
function rowFor(version: ListedVersion, rows: readonly LiveRow[]): LiveRow | null {
  const id = (versionId: string | null) => versionId ?? 'null';
  return (
    rows.find(({ confirmation, isCurrent }) => {
      if (confirmation === null || confirmation.etag !== version.etag) return false;
      return version.isLatest ? isCurrent : id(confirmation.versionId) === id(version.versionId);
    }) ?? null
  );
}

/**
 * Reads the encryption of a version by HEAD and records it in the ledger: a run that crashed may have left
 * its row unconfirmed. Returns null if the object or version no longer exists.
 */
async function inspect(
  { services, call, openers, job }: RunningRotation,
  ref: ObjectRef,
  version: ListedVersion,
): Promise<KnownVersion | null> {
  const { isLatest, versionId } = version;
  const listedMs = services.clock.nowMs();
  try {
    const named = isLatest ? undefined : (versionId ?? undefined);
    const described = await services.vault.describe(call, ref, openers, named);
    if (described === null) return null;
    const { encryption, ...info } = described.info;
    if (encryption.kind !== 'sse-c') return { kind: 'other' };
    const key = openers.find(({ md5Base64 }) => md5Base64 === encryption.keyMd5Base64);
    if (key === undefined) return { kind: 'sse-c', key: null };
    const mtimeSeconds = Math.floor(described.mtimeSeconds);
    const found = {
      ...info,
      ref,
      isLatest,
      sealedWith: sealedWith({ kind: 'sse-c', key }),
      mtimeSeconds,
      listedMs,
    };
    await services.versions.restore([{ ...found, versionId: info.versionId ?? versionId }], job.username);
    return { kind: 'sse-c', key: key.fingerprint };
  } catch (error) {
    if (isFault(error, 'key-missing', 'key-mismatch')) return { kind: 'sse-c', key: null };
    throw error;
  }
}

/**
 * Copies the object onto itself with the new key if its ETag still matches. Checks it again if it changed in
 * the meantime.
 */
async function rekey(
  running: RunningRotation,
  ref: ObjectRef,
  listed: ListedVersion,
  tally: Tally,
): Promise<void> {
  const { services, call, job, keys, newKey, openers, pace, acls, copies } = running;
  let { etag, size } = listed;
  for (let attempt = 1; ; attempt += 1) {
    await pace.admit(size, call.signal);
    try {
      const acl = await acls.of(call, ref);
      const from = { ref, keys: openers, ifMatch: etag, size };
      const encryption = { kind: 'sse-c', key: newKey } as const;
      const target = {
        ref,
        encryption,
        acl,
        actor: job.username,
        mtimeSeconds: null,
        onlyIfMatches: etag,
      };
      const info = await services.vault.copy(call, from, target, copies.run);
      if (info === null) {
        tally.add('gone');
        return;
      }
      tally.add('rekeyed');
      tally.add('bytes', info.size);
      // Without versioning the only version has the id `null`, and it is the copy.
      if (info.versionId !== null && listed.versionId !== null && info.versionId !== listed.versionId) {
        await settleReplaced(running, ref, listed.versionId, tally);
      }
      return;
    } catch (error) {
      if (!isFault(error, 'conflict', 'key-mismatch', 'key-missing') || attempt === maxAttempts) throw error;
    }
    const described = await services.vault.describe(call, ref, openers);
    if (described === null) {
      tally.add('gone');
      return;
    }
    const named = (md5: string) => openers.find((key) => key.md5Base64 === md5)?.fingerprint ?? null;
    const step = planVersion(
      { isLatest: true, isDeleteMarker: false },
      knownVersionOfEncryption(described.info.encryption, named),
      keys,
      job.versions,
    );
    if (step.do !== 'rekey') {
      if (step.do === 'report') tally.fail(listed, 'key-mismatch', otherKey(step.key));
      else tally.add(step.do === 'nothing' && step.because === 'without-key' ? 'withoutKey' : 'already');
      return;
    }
    ({ etag, size } = described.info);
  }
}

/**
 * Handles the version that the copy replaced. With versioning it is now an older version with the same
 * content under the older key.
 */
async function settleReplaced(
  running: RunningRotation,
  ref: ObjectRef,
  versionId: string,
  tally: Tally,
): Promise<void> {
  if (running.job.versions === 'keep') {
    tally.add('versionsKept');
    return;
  }
  await removeVersion(running, ref, versionId);
  tally.add('versionsRewritten');
}

/** Copies an older version to a name of its own, then removes it. Accepts a copy from an earlier attempt. */
async function rewriteVersion(
  running: RunningRotation,
  ref: ObjectRef,
  version: ListedVersion,
  rows: readonly LiveRow[],
): Promise<void> {
  const { services, call, job, newKey, openers, pace, acls, copies } = running;
  const { versionId } = version;
  if (versionId === null) throw new Fault('bug', `an older version of ${ref.key} without an id`);
  await pace.admit(version.size, call.signal);
  const to: ObjectRef = { bucket: ref.bucket, key: versionName(version) };
  const row = rowFor(version, rows);
  try {
    const copied = await services.vault.copy(
      call,
      { ref, keys: openers, versionId, ifMatch: version.etag },
      {
        ref: to,
        encryption: { kind: 'sse-c', key: newKey },
        acl: await acls.of(call, ref),
        actor: job.username,
        mtimeSeconds: row?.confirmation?.mtimeSeconds ?? Math.floor(version.lastModifiedMs / 1000),
        onlyIfAbsent: true,
      },
      copies.run,
    );
    if (copied === null) return;
  } catch (error) {
    if (!isFault(error, 'exists')) throw error;
    if (!(await isCopyOf(running, to, ref, versionId))) throw error;
  }
  await removeVersion(running, ref, versionId);
}

/**
 * Compares size and checksum. Returns false if S3 has no checksum, or if the checksums have different
 * algorithms.
 */
async function isCopyOf(
  { services, call, newKey, openers }: RunningRotation,
  copy: ObjectRef,
  ref: ObjectRef,
  versionId: string,
): Promise<boolean> {
  const there = await services.vault.describe(call, copy, [newKey]);
  const source = await services.vault.describe(call, ref, openers, versionId);
  if (there === null || source === null || there.info.size !== source.info.size) return false;
  return compareChecksums(there.info.checksum, source.info.checksum) === 'same';
}

async function removeVersion(
  { services, call, job }: RunningRotation,
  ref: ObjectRef,
  versionId: string,
): Promise<void> {
  await services.store.remove(call, ref, { versionId });
  const rows = await services.versions.liveRowsOf(ref);
  const ids = rows
    .filter(({ confirmation }) => (confirmation?.versionId ?? 'null') === versionId)
    .map(({ id }) => id);
  await services.versions.markRemoved(ids, job.username);
}
