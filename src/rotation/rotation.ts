import { inOrder } from '../concurrency/in-order.js';
import { Semaphore } from '../concurrency/semaphore.js';
import type { Call } from '../model/call.js';
import { Fault } from '../model/fault.js';
import { noCounts, type RotationCounts, type RotationJob, type RotationProblem } from '../model/rotation.js';
import { AclReader } from './acl-reader.js';
import { finishRotation } from './finish.js';
import { RateLimiter } from './rate-limiter.js';
import { type ObjectOutcome, type RunningRotation, rotateObject } from './rotate-object.js';
import type { RotationServices } from './services.js';
import { versionGroups } from './version-groups.js';

/** How far it is, is noted at least so often: what a crash costs is looking again at so many objects. */
const noteEveryMs = 1_000;
const noteEveryObjects = 500;
/** While one object is copied, others are looked at, checked and noted: these wait for S3 and the disk most of the time. */
const objectsPerCopy = 4;

/**
 * Runs a rotation from where it is to its end, and answers it as it is then. Objects that could not be done are its problems.
 * Throws what would meet every object (`unavailable`, `key-missing`, ...) and `cancelled`; what is done until then is noted, and the
 * next run goes on behind it. Only one run of a job at a time, in the process whose vault the user's uploads go through.
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
    call.log.warn('older versions may not be listed: they are not counted, and keep their keys', {
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
  if (finished === null) throw new Fault('bug', `the rotation ${job.id} is not there any more`);
  return finished;
}

async function prepare(services: RotationServices, call: Call, job: RotationJob): Promise<RunningRotation> {
  const keys = await services.keysOf(job.username);
  const newKey = keys.find(({ fingerprint }) => fingerprint === job.newKey);
  if (newKey === undefined) {
    throw new Fault('key-missing', `the new key ${job.newKey} of ${job.username} is not at hand`);
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

/** What a rotation has done, noted in the order of the keys. */
export class RotationLog {
  readonly #services: Pick<RotationServices, 'jobs' | 'clock'>;
  readonly #job: RotationJob;
  #counts: RotationCounts;
  #cursor: string | null;
  #problems: RotationProblem[] = [];
  #unsaved = 0;
  #savedMs: number;

  constructor(services: Pick<RotationServices, 'jobs' | 'clock'>, job: RotationJob) {
    this.#services = services;
    this.#job = job;
    this.#counts = job.counts;
    this.#cursor = job.cursor;
    this.#savedMs = services.clock.monotonicMs();
  }

  get counts(): RotationCounts {
    return this.#counts;
  }

  async done(key: string, outcome: ObjectOutcome): Promise<void> {
    this.#cursor = key;
    this.add(outcome);
    const { clock } = this.#services;
    if (this.#unsaved >= noteEveryObjects || clock.monotonicMs() - this.#savedMs >= noteEveryMs) {
      await this.flush();
    }
  }

  /** Without a place in the order: what is found at the end. */
  add({ counts, problems }: ObjectOutcome): void {
    this.#counts = sum(this.#counts, counts);
    this.#problems.push(...problems);
    this.#unsaved += 1;
  }

  async flush(): Promise<void> {
    if (this.#unsaved === 0 || this.#cursor === null) return;
    const problems = this.#problems.splice(0);
    this.#unsaved = 0;
    this.#savedMs = this.#services.clock.monotonicMs();
    await this.#services.jobs.advance(this.#job.id, this.#cursor, this.#counts, problems);
  }
}

function sum(one: RotationCounts, other: RotationCounts): RotationCounts {
  const names = Object.keys(noCounts) as (keyof RotationCounts)[];
  const entries = names.map((name) => [name, one[name] + other[name]] as const);
  return { ...noCounts, ...Object.fromEntries(entries) };
}
