import type { KeyFingerprint } from '../model/customer-key.js';
import { isFault } from '../model/fault.js';
import type { KeyNeed } from '../model/ledger.js';
import type { ListedVersion } from '../model/object-versions.js';
import { noCounts } from '../model/rotation.js';
import type { ObjectDescription } from '../vault/vault.js';
import { type ObjectOutcome, type RunningRotation, rotateObject } from './rotate-object.js';
import type { RotationLog } from './rotation-log.js';

const pageRows = 1_000;
const recheckMs = 1_000;

/**
 * Re-encrypts uploads that began under an older key and completed after the rotation had passed them. Waits
 * up to `patienceMs` for uploads that are still running. Then retires each older key that no current object
 * needs.
 */
export async function finishRotation(running: RunningRotation, log: RotationLog): Promise<void> {
  const { services, job, call } = running;
  const tried = new Set<string>();
  const startedMs = services.clock.monotonicMs();
  for (;;) {
    const needs = await currentNeeds(running);
    const left = needs.filter(({ state, id }) => state === 'current' && !tried.has(id));
    for (const need of left) {
      tried.add(need.id);
      log.add(await rotateLate(running, need));
    }
    await log.flush();
    const isWaiting = needs.some(({ state }) => state === 'intended');
    if (left.length > 0) continue;
    if (!isWaiting || services.clock.monotonicMs() - startedMs >= services.patienceMs) break;
    await services.clock.sleep(recheckMs, call.signal);
  }
  const retired: KeyFingerprint[] = [];
  for (const key of job.oldKeys) {
    if (log.counts.failed > 0 || (await isNeededNow(running, key))) continue;
    await services.retire(key);
    retired.push(key);
  }
  await services.jobs.finish(job.id, log.counts, retired);
}

/** Returns the rotation's objects and running uploads that need an older key according to the ledger. */
async function currentNeeds(running: RunningRotation): Promise<readonly KeyNeed[]> {
  const { bucket, prefix } = running.job;
  const found: KeyNeed[] = [];
  for (const key of running.job.oldKeys) {
    for await (const need of needsOf(running, key)) {
      if (need.state === 'older-version' || need.ref.bucket !== bucket) continue;
      if (need.ref.key.startsWith(prefix)) found.push(need);
    }
  }
  return found;
}

/** Checks all buckets and prefixes, because another user may have the same key. */
async function isNeededNow(running: RunningRotation, key: KeyFingerprint): Promise<boolean> {
  for await (const { state } of needsOf(running, key)) {
    if (state !== 'older-version') return true;
  }
  return false;
}

async function* needsOf({ services }: RunningRotation, key: KeyFingerprint): AsyncGenerator<KeyNeed> {
  for (let after: KeyNeed | null = null; ; ) {
    const page: readonly KeyNeed[] = await services.usage.needs(key, after, pageRows);
    yield* page;
    after = page.at(-1) ?? null;
    if (page.length < pageRows) return;
  }
}

/** Marks the object as removed if S3 no longer has it. Reports it if another client has replaced it under its own key. */
async function rotateLate(running: RunningRotation, need: KeyNeed): Promise<ObjectOutcome> {
  const { services, call, job, openers } = running;
  const { ref } = need;
  let described: ObjectDescription | null;
  try {
    described = await services.vault.describe(call, ref, openers);
  } catch (error) {
    if (!isFault(error, 'key-missing', 'key-mismatch')) throw error;
    const problem = { key: ref.key, versionId: null, kind: error.kind, text: error.hint };
    return { counts: { ...noCounts, failed: 1 }, problems: [problem] };
  }
  if (described === null) {
    await services.versions.markRemoved([need.id], job.username);
    return rotateObject(running, { key: ref.key, versions: [] });
  }
  const { etag, size, versionId, lastModifiedMs } = described.info;
  const version: ListedVersion = {
    key: ref.key,
    versionId,
    isLatest: true,
    isDeleteMarker: false,
    size,
    etag,
    lastModifiedMs,
  };
  return rotateObject(running, { key: ref.key, versions: [version] });
}
