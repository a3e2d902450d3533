import { inOrder } from '../concurrency/in-order.js';
import { Semaphore } from '../concurrency/semaphore.js';
import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import type { RotationJob } from '../model/rotation.js';
import { AclReader } from './acl-reader.js';
import { finishRotation } from './finish.js';
import { RateLimiter } from './rate-limiter.js';
import { type RunningRotation, rotateObject } from './rotate-object.js';
import { RotationLog } from './rotation-log.js';
import type { RotationServices } from './services.js';
import { versionGroups } from './version-groups.js';

/**
 * Objects in progress per parallel copy. While one is copied, others wait for S3 and the disk to be checked
 * and recorded.
 */
const objectsPerCopy = 4;

/**
 * Runs a rotation from its recorded progress to its end, and returns the finished job. Objects that could not
 * be rotated are recorded as problems of the job. Throws `cancelled`, and faults that every object would meet
 * (`unavailable`, `key-missing`, ...). Progress until then is recorded, and the next run resumes after it. A
 * job has at most one run at a time, in the process whose vault receives the user's uploads.
 */
export async function runRotation(
  services: RotationServices,
  call: Call,
  job: RotationJob,
): Promise<RotationJob> {
  const running = await prepare(services, call, job);
  const log = new RotationLog(services, job);
  const where = { bucket: job.bucket, prefix: job.prefix, after: job.cursor };
  const groups = versionGroups(services.store, call, where, () =>
    call.log.warn('older versions cannot be listed and keep their keys', {
      bucket: job.bucket,
    }),
  );
  try {
    await inOrder(
      groups,
      job.pace.parallel * objectsPerCopy,
      (group) => rotateObject(running, group),
      ({ key }, outcome) => log.done(key, outcome),
    );
  } finally {
    await log.flush();
  }
  await finishRotation(running, log);
  const finished = await services.jobs.find(job.id);
  if (finished === null) throw new Fault('bug', `the rotation ${job.id} no longer exists`);
  return finished;
}

async function prepare(services: RotationServices, call: Call, job: RotationJob): Promise<RunningRotation> {
  const keys = await services.keysOf(job.username);
  const newKey = keys.find(({ fingerprint }) => fingerprint === job.newKey);
  if (newKey === undefined) {
    throw new Fault('key-missing', `the new key ${job.newKey} of ${job.username} is not available`);
  }
  const setting = await services.aclOf(job.username);
  return {
    services,
    call,
    job,
    keys: { newKey: job.newKey, oldKeys: new Set(job.oldKeys) },
    newKey,
    openers: [newKey, ...keys.filter((key) => key !== newKey)],
    pace: new RateLimiter(services.clock, job.pace),
    acls: new AclReader(services.store, setting),
    copies: new Semaphore(job.pace.parallel),
  };
}
