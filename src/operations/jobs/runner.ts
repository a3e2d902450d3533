import { createRootKeyring } from '../../assembly/keyring.js';
import { systemClock } from '../../assembly/system.js';
import { AuditScribe } from '../../audit/scribe.js';
import type { Job, JobKind, JobState, Jobs } from '../../model/api/jobs.js';
import { Fault } from '../../model/fault.js';
import type { RootServices } from '../open-root.js';

/** A running job, for its work. */
export interface RunningJob {
  readonly job: Job;
  /** Services whose call is cancelled when the job is paused or cancelled, or the gateway stops. */
  readonly root: RootServices;
  /**
   * Reports counts so far. They are recorded about once a second, with the position where the work resumes after an
   * interruption.
   */
  readonly report: (progress: Readonly<Record<string, number>>, position?: unknown) => void;
}

/** Does the work of one kind and returns its result. Called again, with the last position, after an interruption. */
export type JobWork = (running: RunningJob) => Promise<unknown>;

/** Jobs that run at the same time. Each uses S3 in parallel. */
const maxRunning = 2;
const recordEveryMs = 1_000;

/** Runs the jobs of a gateway. */
export class JobRunner implements AsyncDisposable {
  readonly #root: RootServices;
  readonly #jobs: Jobs;
  readonly #work: Readonly<Record<JobKind, JobWork>>;
  readonly #running = new Map<string, { readonly stop: AbortController; readonly end: Promise<void> }>();
  #isClosed = false;

  constructor(root: RootServices, jobs: Jobs, work: Readonly<Record<JobKind, JobWork>>) {
    this.#root = root;
    this.#jobs = jobs;
    this.#work = work;
  }

  /** Resumes the jobs that an earlier process left. */
  async start(): Promise<void> {
    await this.#jobs.recover();
    await this.#fill();
  }

  /**
   * Runs jobs of gateways that have ended and jobs that wait, and stops those that were cancelled or paused through
   * another gateway. Called again and again if several share the database.
   */
  async followOthers(): Promise<void> {
    for (const [id, { stop }] of this.#running) {
      const job = await this.#jobs.find(id);
      if (job?.state !== 'running') stop.abort();
    }
    await this.start();
  }

  /** Begins a job, which runs as soon as a place is free. Throws as `Jobs.begin`. */
  async begin(kind: JobKind, request: unknown, person: string): Promise<Job> {
    const job = await this.#jobs.begin(kind, request, person);
    await this.#fill();
    return (await this.#jobs.find(job.id)) ?? job;
  }

  /** Stops a job for good. Throws `not-found`, and `conflict` for one that has ended. */
  cancel(id: string): Promise<Job> {
    return this.#change(id, ['waiting', 'running', 'paused'], 'cancelled');
  }

  /** Stops a job until it is resumed. Throws as `cancel`. */
  pause(id: string): Promise<Job> {
    return this.#change(id, ['waiting', 'running'], 'paused');
  }

  /** Continues a paused job. Throws as `cancel`. */
  async resume(id: string): Promise<Job> {
    const job = await this.#change(id, ['paused'], 'waiting');
    await this.#fill();
    return job;
  }

  /** Interrupts the running jobs. They resume at the next start. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const { stop } of this.#running.values()) stop.abort();
    await Promise.all([...this.#running.values()].map(({ end }) => end));
  }

  async #change(id: string, from: readonly JobState[], to: JobState): Promise<Job> {
    const changed = await this.#jobs.change(id, from, to);
    if (changed === null) {
      const job = await this.#jobs.find(id);
      if (job === null) throw new Fault('not-found', `there is no job ${id}`);
      throw new Fault('conflict', `the job ${id} is ${job.state}`);
    }
    const running = this.#running.get(id);
    running?.stop.abort();
    await running?.end;
    return changed;
  }

  async #fill(): Promise<void> {
    while (!this.#isClosed && this.#running.size < maxRunning) {
      const job = await this.#jobs.claim();
      if (job === null) return;
      const stop = new AbortController();
      const end = this.#run(job, stop.signal).finally(() => {
        this.#running.delete(job.id);
        if (!this.#isClosed) void this.#fill().catch(() => undefined);
      });
      this.#running.set(job.id, { stop, end });
    }
  }

  /** Never rejects. A job that cannot be recorded as ended runs again at the next start. */
  async #run(job: Job, stopped: AbortSignal): Promise<void> {
    const { call, log } = this.#root;
    const signal = AbortSignal.any([stopped, call.signal]);
    const scribe = new AuditScribe(
      this.#root.scribe.recorder,
      { kind: 'admin', name: job.person },
      { job: job.id },
    );
    const root = {
      ...this.#root,
      call: { ...call, signal, log: log.child({ job: job.id }) },
      scribe,
      keyring: createRootKeyring(this.#root.settings, log, scribe),
    };
    const recorder = new ProgressRecorder(this.#jobs, job);
    log.info('job runs', { job: job.id, kind: job.kind, person: job.person });
    try {
      const result = await this.#work[job.kind]({
        job,
        root,
        report: (progress, position) => recorder.report(progress, position),
      });
      await recorder.flush();
      await this.#jobs.finish(job.id, { result });
      log.info('job done', { job: job.id, kind: job.kind });
    } catch (error) {
      await recorder.flush().catch(() => undefined);
      // Paused or cancelled, which is recorded already, or the gateway stops: then it resumes.
      if (signal.aborted) return;
      const fault = Fault.from(error);
      log.warn('job failed', { job: job.id, kind: job.kind, error: fault });
      await this.#jobs
        .finish(job.id, { fault: { kind: fault.kind, text: fault.hint } })
        .catch(() => undefined);
    }
  }
}

/** Records progress about once a second, one write after another. */
class ProgressRecorder {
  readonly #jobs: Jobs;
  readonly #job: Job;
  #latest: { readonly progress: Readonly<Record<string, number>>; readonly position: unknown } | null = null;
  #position: unknown;
  #recordedMs = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(jobs: Jobs, job: Job) {
    this.#jobs = jobs;
    this.#job = job;
    this.#position = job.position;
  }

  report(progress: Readonly<Record<string, number>>, position: unknown): void {
    if (position !== undefined) this.#position = position;
    this.#latest = { progress, position: this.#position };
    const nowMs = systemClock.monotonicMs();
    if (nowMs - this.#recordedMs < recordEveryMs) return;
    this.#recordedMs = nowMs;
    void this.flush().catch(() => undefined);
  }

  flush(): Promise<void> {
    const latest = this.#latest;
    this.#latest = null;
    if (latest !== null) {
      const { progress, position } = latest;
      this.#writing = this.#writing
        .catch(() => undefined)
        .then(() => this.#jobs.advance(this.#job.id, progress, position ?? null));
    }
    return this.#writing;
  }
}
