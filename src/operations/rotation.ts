import type { Core } from '../assembly/core.js';
import { systemClock, systemEntropy } from '../assembly/system.js';
import { createKeyUsage } from '../database/ledger/key-usage.js';
import { createLedgerVersions } from '../database/ledger/versions.js';
import { createRotationJobs } from '../database/rotation-jobs.js';
import { acquireProcessLock, type ProcessLock } from '../database/sqlite/process-lock.js';
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
import type { OpenRoot } from './open-root.js';

/** The gateway looks for a job that a command began so often: one small query. */
const pollJobsMs = 2_000;
/** What stands still for a reason outside is tried again. */
const retryMs = 30_000;
/** An upload that began under the older key may take long; a command does not wait as patiently as the gateway. */
const gatewayPatienceMs = 60 * 60 * 1000;
const commandPatienceMs = 10_000;
const pollProgressMs = 300;
const retryLockMs = 2_000;

export function rotationJobs({ database }: Pick<Core, 'database'>): RotationJobs {
  return createRotationJobs(database, systemClock, systemEntropy);
}

function rotationServices(core: Core, patienceMs: number): RotationServices {
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
  };
}

/**
 * The gateway's part: runs what is to be run, one job after the other, in the process whose vault the users' uploads go through.
 * Answers what ends it.
 */
export function startRotations(core: Core): () => Promise<void> {
  const stop = new AbortController();
  const end = () => stop.abort();
  core.call.signal.addEventListener('abort', end, { once: true });
  const call: Call = { ...core.call, signal: stop.signal };
  const work = runJobs(call, rotationServices(core, gatewayPatienceMs)).catch((error: unknown) => {
    if (!isFault(error, 'cancelled') && !stop.signal.aborted)
      call.log.error('rotations have ended', { error: Fault.from(error) });
  });
  return async () => {
    end();
    core.call.signal.removeEventListener('abort', end);
    await work;
  };
}

async function runJobs(call: Call, services: RotationServices): Promise<void> {
  const notBeforeMs = new Map<RotationId, number>();
  for (;;) {
    const jobs = await services.jobs.running();
    const job = jobs.find(({ id }) => (notBeforeMs.get(id) ?? 0) <= systemClock.monotonicMs());
    if (job === undefined) {
      await systemClock.sleep(pollJobsMs, call.signal);
      continue;
    }
    try {
      await runAndRecordFailure(call, services, job);
    } catch (error) {
      if (call.signal.aborted) throw error;
      notBeforeMs.set(job.id, systemClock.monotonicMs() + retryMs);
    }
  }
}

/** Why a run ended is noted in the job, for who looks at it from outside. */
async function runAndRecordFailure(
  call: Call,
  services: RotationServices,
  job: RotationJob,
): Promise<RotationJob> {
  const { jobs } = services;
  const { username, id } = job;
  call.log.info('a change of key goes on', { user: username, job: id, behind: job.cursor });
  if (job.obstacle !== null) await jobs.setObstacle(id, null);
  try {
    const done = await runRotation(services, call, job);
    call.log.info('a change of key is done', { user: username, job: id, ...done.counts });
    return done;
  } catch (error) {
    const fault = Fault.from(error);
    if (!call.signal.aborted) {
      await jobs.setObstacle(id, fault.hint);
      call.log.warn('a change of key stands still', { user: username, job: id, error: fault });
    }
    throw fault;
  }
}

export interface RotationRequest {
  readonly username: Username;
  readonly versions: VersionPolicy;
  readonly pace: Partial<RotationPace>;
  /** Makes no key: brings what rests under older keys to the present one. */
  readonly presentKey: boolean;
}

const defaultPace: RotationPace = { objectsPerSecond: null, bytesPerSecond: null, parallel: 8 };

/**
 * Gives the user a new key, which is the one of the uploads from then on, and notes down that the objects are to follow. One
 * that is under way already is answered instead, at the pace that is asked for. Faults: `not-found` (no such user, no older
 * key), `unsupported` (uploads under no customer's key), those of the keyring and the key files.
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
      `uploads of ${username} rest under no customer key (SSE-C): there is none to change; see \`sftpgw user show ${username}\``,
    );
  }
  const known = await core.users.uploadKeys(core.call, username);
  const newKey = request.presentKey ? present.key.fingerprint : await giveNewKey(core, username);
  const oldKeys = known.filter(({ fingerprint }) => fingerprint !== newKey);
  if (oldKeys.length === 0) {
    throw new Fault(
      'not-found',
      `${username} has no older key: there is nothing to bring to the present one`,
    );
  }
  return await jobs.begin({
    username,
    ...uploadsOf(settings),
    newKey,
    oldKeys: oldKeys.map(({ fingerprint }) => fingerprint),
    versions: request.versions,
    pace: { ...defaultPace, ...request.pace },
  });
}

function uploadsOf({ uploadBucket, uploadPrefix }: UserSettings): { bucket: string; prefix: string } {
  return { bucket: uploadBucket, prefix: uploadPrefix };
}

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
 * In the keyring, and in its copy in the bucket where there is one, before anything is written under it. A crash in between leaves a key
 * that nobody uses.
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

/** Who runs a job at the moment. */
export type RotationRunner = 'this command' | 'the gateway';

/**
 * Sees a rotation to its end: in this process when no gateway runs on the root, else in the gateway, whose vault orders it among the
 * users' uploads. A gateway that ends meanwhile is taken over from. Throws `cancelled` with the call, and in this process what
 * made it stand still; the job can be gone on with in either case.
 */
export async function followRotation(
  root: OpenRoot,
  id: RotationId,
  onProgress: (job: RotationJob, runner: RotationRunner) => void,
): Promise<RotationJob> {
  const { call, settings } = root;
  const jobs = rotationJobs(root);
  const find = async (): Promise<RotationJob> => {
    const job = await jobs.find(id);
    if (job === null) throw new Fault('not-found', `there is no change of key ${id}`);
    return job;
  };
  for (let nextTryMs = 0; ; ) {
    const job = await find();
    if (job.state === 'done') return job;
    if (systemClock.monotonicMs() >= nextTryMs) {
      using lock = tryLock(settings.paths.lockFile);
      if (lock !== null) {
        return await runHere(root, job, async () => onProgress(await find(), 'this command'));
      }
      nextTryMs = systemClock.monotonicMs() + retryLockMs;
    }
    onProgress(job, 'the gateway');
    await systemClock.sleep(pollProgressMs, call.signal);
  }
}

async function runHere(root: OpenRoot, job: RotationJob, report: () => Promise<void>): Promise<RotationJob> {
  const { call } = root;
  const timer = setInterval(() => void report().catch(() => undefined), pollProgressMs);
  try {
    return await runAndRecordFailure(call, rotationServices(root, commandPatienceMs), job);
  } finally {
    clearInterval(timer);
  }
}

/** Null when a gateway, or another command, holds the root. */
function tryLock(path: string): (ProcessLock & Disposable) | null {
  try {
    const lock = acquireProcessLock(path, 'the root is in use');
    return { release: lock.release, [Symbol.dispose]: () => lock.release() };
  } catch (error) {
    if (isFault(error, 'conflict')) return null;
    throw error;
  }
}
