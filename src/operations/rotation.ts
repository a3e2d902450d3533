import { isDeepStrictEqual } from 'node:util';
import type { Core } from '../assembly/core.js';
import { systemClock, systemEntropy } from '../assembly/system.js';
import { createKeyUsage } from '../database/ledger/key-usage.js';
import { createLedgerVersions } from '../database/ledger/versions.js';
import { createRotationJobs } from '../database/rotation-jobs.js';
import type { Call } from '../model/call.js';
import type { KeyFingerprint } from '../model/customer-key.js';
import { Fault, isFault } from '../model/fault.js';
import type {
  RotationId,
  RotationJob,
  RotationJobs,
  RotationPace,
  VersionPolicy,
} from '../model/rotation.js';
import { parseUsername, type Username, type UserSettings } from '../model/users.js';
import { runRotation } from '../rotation/rotation.js';
import type { RotationServices } from '../rotation/services.js';

/** The gateway polls for jobs that commands began: one small query each time. */
const pollJobsMs = 2_000;
/** Pause before a job that met an obstacle is tried again. */
const retryMs = 30_000;
/** How long the gateway waits for uploads that began with the old key. */
const gatewayPatienceMs = 60 * 60 * 1000;
/** The lease of all rotations: they run on one gateway. */
export const rotationsLease = 'rotations';

/** Returns the rotation jobs in the database of a root. */
export function rotationJobs({ database }: Pick<Core, 'database'>): RotationJobs {
  return createRotationJobs(database, systemClock, systemEntropy);
}

/** The services of a rotation, and the scribe that records its end. */
export type RecordedRotation = RotationServices & Pick<Core, 'scribe'>;

/** Returns the services of a rotation. `patienceMs` bounds the wait at its end. */
export function rotationServices(core: Core, patienceMs: number): RecordedRotation {
  const { database, vault, store, users, call, keyring } = core;
  return {
    jobs: rotationJobs(core),
    vault,
    store,
    versions: createLedgerVersions(database, systemClock, systemEntropy),
    usage: createKeyUsage(database, systemClock),
    clock: systemClock,
    keysOf: (username) => users.uploadKeys(call, parseUsername(username)),
    aclOf: async (username) => (await users.settings(call, parseUsername(username)))?.acl ?? null,
    retire: async (key) => {
      if ((await keyring.describe(key)) !== null) await keyring.retire(key);
    },
    patienceMs,
    scribe: core.scribe,
  };
}

/**
 * Runs rotation jobs in the gateway, one after another, because its vault handles the users' uploads. If several
 * gateways share the database, one of them does. Returns
 * a function that stops them and waits for their end.
 */
export function startRotations(core: Core): () => Promise<void> {
  const stop = new AbortController();
  const end = () => stop.abort();
  core.call.signal.addEventListener('abort', end, { once: true });
  const call: Call = { ...core.call, signal: stop.signal };
  const services = rotationServices(core, gatewayPatienceMs);
  const isShared = core.database.owner !== null;
  const running = core.leases.run(rotationsLease, stop.signal, (held) =>
    runJobs({ ...call, signal: held }, services, isShared),
  );
  const work = running.catch((error: unknown) => {
    if (!isFault(error, 'cancelled') && !stop.signal.aborted)
      call.log.error('rotations stopped', { error: Fault.from(error) });
  });
  return async () => {
    end();
    core.call.signal.removeEventListener('abort', end);
    await work;
  };
}

/** Never returns. Throws `cancelled`, faults of the database, and `key-missing` if other gateways can run jobs too. */
async function runJobs(call: Call, services: RecordedRotation, isShared: boolean): Promise<void> {
  const notBeforeMs = new Map<RotationId, number>();
  for (;;) {
    const jobs = await services.jobs.running();
    const job = jobs.find(
      ({ id, pausedBy }) => pausedBy === null && (notBeforeMs.get(id) ?? 0) <= systemClock.monotonicMs(),
    );
    if (job === undefined) {
      await systemClock.sleep(pollJobsMs, call.signal);
      continue;
    }
    try {
      await runUnlessPaused(call, services, job);
    } catch (error) {
      if (call.signal.aborted) throw error;
      if (error instanceof PausedByPerson) continue;
      notBeforeMs.set(job.id, systemClock.monotonicMs() + retryMs);
      // The gateway on which the rotation began has its key. It can run it when this one gives up its lease.
      if (isShared && isFault(error, 'key-missing')) throw error;
    }
  }
}

/** The end of a run that a person has paused. */
export class PausedByPerson extends Fault {
  constructor({ username, pausedBy }: Pick<RotationJob, 'username' | 'pausedBy'>) {
    const resume = `sftpgw key rotate --user ${username} --resume`;
    super(
      'conflict',
      `the rotation of ${username} is paused by ${pausedBy ?? 'a person'}: run \`${resume}\``,
    );
  }
}

/**
 * Runs a job until it ends. A new pace applies within seconds. Throws `PausedByPerson` if a person pauses it, and as
 * `runAndRecordFailure`.
 */
export async function runUnlessPaused(
  call: Call,
  services: RecordedRotation,
  job: RotationJob,
): Promise<RotationJob> {
  for (let current = job; ; ) {
    if (current.pausedBy !== null) throw new PausedByPerson(current);
    current = await runUntilChanged(call, services, current);
    if (current.state === 'done') return current;
    const { username: user, id, pausedBy } = current;
    if (pausedBy !== null) call.log.info('rotation paused by a person', { user, job: id, person: pausedBy });
  }
}

/** Runs a job until it ends, is paused or gets another pace, and returns it as it then is. */
async function runUntilChanged(
  call: Call,
  services: RecordedRotation,
  job: RotationJob,
): Promise<RotationJob> {
  const changed = new AbortController();
  const watching = new AbortController();
  const watch = async () => {
    for (;;) {
      await systemClock.sleep(pollJobsMs, watching.signal);
      const now = await services.jobs.find(job.id);
      if (now !== null && (now.pausedBy !== null || !isDeepStrictEqual(now.pace, job.pace)))
        return changed.abort();
    }
  };
  // A failed query is a fault of the database, which the run itself meets too.
  const watched = watch().catch(() => undefined);
  try {
    const signal = AbortSignal.any([call.signal, changed.signal]);
    return await runAndRecordFailure({ ...call, signal }, services, job);
  } catch (error) {
    if (!changed.signal.aborted || call.signal.aborted) throw error;
    return (await services.jobs.find(job.id)) ?? job;
  } finally {
    watching.abort();
    await watched;
  }
}

/** Runs a job and records why it failed, so that other processes can report it. */
async function runAndRecordFailure(
  call: Call,
  services: RecordedRotation,
  job: RotationJob,
): Promise<RotationJob> {
  const { jobs } = services;
  const { username, id } = job;
  call.log.info('rotation resumed', { user: username, job: id, behind: job.cursor });
  if (job.obstacle !== null) await jobs.setObstacle(id, null);
  try {
    const done = await runRotation(services, call, job);
    call.log.info('rotation complete', { user: username, job: id, ...done.counts });
    services.scribe.note({
      action: 'rotation.end',
      target: username,
      keyId: done.newKey,
      details: { job: id, ...done.counts, retired: done.retiredKeys },
    });
    return done;
  } catch (error) {
    const fault = Fault.from(error);
    if (!call.signal.aborted) {
      await jobs.setObstacle(id, fault.hint);
      call.log.warn('rotation paused', { user: username, job: id, error: fault });
    }
    throw fault;
  }
}

/** A rotation to begin. */
export interface RotationRequest {
  readonly username: Username;
  readonly versions: VersionPolicy;
  readonly pace: Partial<RotationPace>;
  /** Creates no key: re-encrypts objects that have older keys with the present one. */
  readonly presentKey: boolean;
}

const defaultPace: RotationPace = { objectsPerSecond: null, bytesPerSecond: null, parallel: 8 };

/**
 * Gives the user a new key for uploads and records a job that re-encrypts the existing objects. If a job is
 * already running, returns that one with the requested pace. Throws `not-found` (the user or an older key
 * does not exist), `unsupported` (uploads without a customer key), and faults of the keyring and the key
 * files.
 */
export async function beginRotation(core: Core, request: RotationRequest): Promise<RotationJob> {
  const jobs = rotationJobs(core);
  const { username } = request;
  const settings = await core.users.settings(core.call, username);
  if (settings === null) throw new Fault('not-found', `there is no user ${username}`);
  const running = (await jobs.running()).find((job) => job.username === username);
  if (running !== undefined) return await updatePace(jobs, running, request.pace);
  const present = await core.users.uploadEncryption(core.call, username);
  if (present.kind !== 'sse-c') {
    throw new Fault(
      'unsupported',
      `uploads of ${username} are not encrypted with a customer key (SSE-C), so there is none to rotate: see \`sftpgw user show ${username}\``,
    );
  }
  const known = await core.users.uploadKeys(core.call, username);
  const newKey = request.presentKey ? present.key.fingerprint : await giveNewKey(core, username);
  const oldKeys = known.filter(({ fingerprint }) => fingerprint !== newKey);
  if (oldKeys.length === 0) {
    throw new Fault('not-found', `${username} has no older key, so nothing needs to be re-encrypted`);
  }
  const job = await jobs.begin({
    username,
    ...uploadsOf(settings),
    newKey,
    oldKeys: oldKeys.map(({ fingerprint }) => fingerprint),
    versions: request.versions,
    pace: { ...defaultPace, ...request.pace },
  });
  const { id, oldKeys: from, versions } = job;
  core.scribe.record({
    action: 'rotation.start',
    target: username,
    keyId: newKey,
    details: { job: id, oldKeys: from, versions },
  });
  return job;
}

/** Pauses a rotation for a person (null: resumes it), records that, and returns it. Throws `conflict` if it is done. */
export async function pauseRotation(
  { database, scribe }: Pick<Core, 'database' | 'scribe'>,
  job: RotationJob,
  person: string | null,
): Promise<RotationJob> {
  if (job.state === 'done') throw new Fault('conflict', `the rotation ${job.id} is done`);
  const jobs = rotationJobs({ database });
  const action = person === null ? 'rotation.resume' : 'rotation.pause';
  await scribe.change({ action, target: job.username, keyId: job.newKey, details: { job: job.id } }, () =>
    jobs.setPausedBy(job.id, person),
  );
  return (await jobs.find(job.id)) ?? job;
}

function uploadsOf({ uploadBucket, uploadPrefix }: UserSettings): { bucket: string; prefix: string } {
  return { bucket: uploadBucket, prefix: uploadPrefix };
}

/** Records the given limits as the pace of a job and returns the changed job. The other limits stay. */
export async function updatePace(
  jobs: RotationJobs,
  job: RotationJob,
  pace: Partial<RotationPace>,
): Promise<RotationJob> {
  if (Object.keys(pace).length === 0) return job;
  await jobs.setPace(job.id, { ...job.pace, ...pace });
  return { ...job, pace: { ...job.pace, ...pace } };
}

/**
 * Generates a key and makes it the user's. The key reaches the keyring and its copy in the bucket before any
 * upload uses it. A crash in between leaves an unused key.
 */
async function giveNewKey(core: Core, username: Username): Promise<KeyFingerprint> {
  const { keyring, registry, bucketCopy, call } = core;
  const { id } = await keyring.generate({
    label: `uploads of ${username}`,
    owner: { kind: 'user', username },
  });
  await bucketCopy.run(call);
  await registry.save(username, { uploadKeyId: id });
  return id;
}
