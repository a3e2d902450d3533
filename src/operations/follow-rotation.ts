import { systemClock } from '../assembly/system.js';
import { acquireProcessLock, type ProcessLock } from '../database/sqlite/process-lock.js';
import { Fault, isFault } from '../model/fault.js';
import type { RotationId, RotationJob } from '../model/rotation.js';
import type { RootServices } from './open-root.js';
import {
  PausedByPerson,
  rotationJobs,
  rotationServices,
  rotationsLease,
  runUnlessPaused,
} from './rotation.js';

/** How long a command waits for uploads that began with the old key: less than the gateway. */
const commandPatienceMs = 10_000;
const pollProgressMs = 300;
const retryLockMs = 2_000;

/** The process that runs a job now. */
export type RotationRunner = 'this command' | 'the gateway';

/**
 * Follows a rotation to its end and returns the finished job. A gateway that runs on the root does the work,
 * because its vault orders it among the users' uploads; otherwise this process does, also after that gateway
 * stops. Throws `cancelled`, and the fault that paused the job in this process. In both cases the job can be
 * resumed.
 */
export async function followRotation(
  root: RootServices,
  id: RotationId,
  onProgress: (job: RotationJob, runner: RotationRunner) => void,
): Promise<RotationJob> {
  const { call, settings } = root;
  const jobs = rotationJobs(root);
  const find = async (): Promise<RotationJob> => {
    const job = await jobs.find(id);
    if (job === null) throw new Fault('not-found', `there is no rotation ${id}`);
    return job;
  };
  for (let nextTryMs = 0; ; ) {
    const job = await find();
    if (job.state === 'done') return job;
    if (job.pausedBy !== null) throw new PausedByPerson(job);
    if (systemClock.monotonicMs() >= nextTryMs) {
      using lock = tryLock(settings.paths.lockFile);
      if (lock !== null) {
        const report = async () => onProgress(await find(), 'this command');
        const done = await root.leases.attempt(rotationsLease, call.signal, (held) =>
          runHere({ ...root, call: { ...call, signal: held } }, job, report),
        );
        if (done !== null) return done;
      }
      nextTryMs = systemClock.monotonicMs() + retryLockMs;
    }
    onProgress(job, 'the gateway');
    await systemClock.sleep(pollProgressMs, call.signal);
  }
}

async function runHere(
  root: RootServices,
  job: RotationJob,
  report: () => Promise<void>,
): Promise<RotationJob> {
  const { call } = root;
  const timer = setInterval(() => void report().catch(() => undefined), pollProgressMs);
  try {
    return await runUnlessPaused(call, rotationServices(root, commandPatienceMs), job);
  } finally {
    clearInterval(timer);
  }
}

/** Locks the root. Returns null if a gateway or another command holds it. */
function tryLock(path: string): (ProcessLock & Disposable) | null {
  try {
    const lock = acquireProcessLock(path, 'the root is in use');
    return { release: lock.release, [Symbol.dispose]: () => lock.release() };
  } catch (error) {
    if (isFault(error, 'conflict')) return null;
    throw error;
  }
}
