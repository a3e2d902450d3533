import { Fault } from '../../model/fault.js';
import type { LeadWork } from '../lead-work.js';
import type { WorkerLink } from './worker-link.js';

/** Runs the lead work of this process from when it becomes the lead, or from the start if it is the only one. */
export class Lead implements AsyncDisposable {
  /** Resolves when the work could not start later on: another process must lead. */
  readonly lost: Promise<Fault>;
  readonly #link: WorkerLink | null;
  readonly #begin: () => Promise<LeadWork>;
  readonly #failure = Promise.withResolvers<Fault>();
  #starting: Promise<void> | null = null;
  #work: LeadWork | null = null;
  #isOver = false;

  constructor(link: WorkerLink | null, begin: () => Promise<LeadWork>) {
    this.#link = link;
    this.#begin = begin;
    this.lost = this.#failure.promise;
  }

  /** True if this process leads. */
  get isHere(): boolean {
    return this.#link === null || this.#link.isLead;
  }

  /** Starts the work now if this process leads, else as soon as it does. Throws what the start throws. */
  async start(): Promise<void> {
    if (this.isHere) return await this.#start();
    void this.#link?.leading
      .then(() => this.#start())
      .catch((error: unknown) => this.#failure.resolve(Fault.from(error)));
  }

  async closeFilesPage(): Promise<void> {
    await this.#work?.closeFilesPage();
  }

  /** Stops the work for good. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#starting?.catch(() => undefined);
    const work = this.#work;
    this.#work = null;
    await work?.[Symbol.asyncDispose]();
  }

  async #start(): Promise<void> {
    if (this.#isOver) return;
    this.#starting = this.#begin().then((work) => {
      this.#work = work;
    });
    await this.#starting;
  }
}
