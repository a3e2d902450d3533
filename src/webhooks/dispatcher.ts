import { Fault } from '../model/fault.js';
import { EndpointRunner, type RunnerServices } from './runner.js';

/** Time between two checks for new events, endpoints and due attempts, in milliseconds. */
const defaultTickMs = 1_000;
const pruneEveryMs = 600_000;

/**
 * Sends the events of the audit trail to all endpoints, from the start until it is disposed. It reads endpoints
 * and events from the database, so commands of other processes take effect within a second.
 */
export class WebhookDispatcher implements AsyncDisposable {
  readonly #services: RunnerServices;
  readonly #tickMs: number;
  readonly #stop = new AbortController();
  readonly #runners = new Map<string, { readonly runner: EndpointRunner; readonly ended: Promise<void> }>();
  readonly #running: Promise<void>;
  #hasFailed = false;
  #prunedMs = Number.NEGATIVE_INFINITY;

  constructor(services: RunnerServices, tickMs = defaultTickMs) {
    this.#services = services;
    this.#tickMs = tickMs;
    this.#running = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await Promise.all([...this.#runners.values()].map(({ ended }) => ended));
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#services;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#tick();
        this.#hasFailed = false;
      } catch (error) {
        if (!this.#hasFailed) log.error('webhooks not read', { error: Fault.from(error) });
        this.#hasFailed = true;
      }
      await clock.sleep(this.#tickMs, signal).catch(() => undefined);
    }
  }

  async #tick(): Promise<void> {
    const { endpoints } = this.#services;
    for (const { id } of await endpoints.list()) {
      const running = this.#runners.get(id);
      if (running === undefined) this.#start(id);
      else running.runner.wake();
    }
    await this.#prune();
  }

  #start(id: string): void {
    if (this.#stop.signal.aborted) return;
    const runner = new EndpointRunner(id, this.#services, this.#stop.signal);
    const ended = runner.run().then(() => void this.#runners.delete(id));
    this.#runners.set(id, { runner, ended });
  }

  async #prune(): Promise<void> {
    const { clock, deliveries, log, rules } = this.#services;
    if (clock.monotonicMs() - this.#prunedMs < pruneEveryMs) return;
    this.#prunedMs = clock.monotonicMs();
    for (const id of this.#runners.keys()) {
      const dead = await deliveries.prune(id, clock.nowMs() - rules().keepMs);
      if (dead > 0) log.warn('old webhook messages removed that were not delivered', { webhook: id, dead });
    }
  }
}
