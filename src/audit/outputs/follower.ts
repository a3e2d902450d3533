import { recordSent, sentTo } from '../../database/audit/receivers.js';
import type { GatewayDatabase } from '../../database/database.js';
import type { AuditReader } from '../../model/audit.js';
import type { Clock, Logger } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { AuditReceiver } from './receiver.js';

export interface FollowerOptions {
  readonly receiver: AuditReceiver;
  readonly reader: Pick<AuditReader, 'after' | 'head'>;
  readonly database: GatewayDatabase;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Max events of one batch. */
const batchRows = 200;
const minRetryMs = 1_000;
const maxRetryMs = 60_000;

/**
 * Sends the events of the trail to a receiver, in order and at least once. It reads them from the database, so
 * a slow receiver takes no memory and does not slow clients. After a restart it continues behind the last event that
 * the receiver has. A new receiver begins with the next event.
 */
export class TrailFollower {
  readonly #options: FollowerOptions;
  #wake: (() => void) | null = null;
  #isWoken = true;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.receiver.name;
  }

  /** There are new events. */
  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  /** Records where a new receiver begins. Called before the first event of this process. */
  async start(): Promise<void> {
    const { receiver, database, reader } = this.#options;
    if ((await sentTo(database, receiver.name)) !== null) return;
    await recordSent(database, receiver.name, (await reader.head()).seq);
  }

  /** Sends until the signal aborts. Can be called again afterwards. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { receiver, clock, log } = this.#options;
    let failures = 0;
    signal.addEventListener('abort', () => this.#wake?.(), { once: true });
    while (!signal.aborted) {
      try {
        while (!signal.aborted && (await this.sendBatch()));
        if (failures > 0) log.info('audit receiver reached again', { receiver: receiver.name });
        failures = 0;
        await this.#untilWoken(signal);
      } catch (error) {
        if (failures === 0) {
          log.warn('audit receiver not reached', { receiver: receiver.name, error: Fault.from(error) });
        }
        failures += 1;
        const pauseMs = Math.min(maxRetryMs, minRetryMs * 2 ** Math.min(failures - 1, 8));
        await clock.sleep(pauseMs, signal).catch(() => undefined);
      }
    }
    await receiver[Symbol.asyncDispose]();
  }

  /** Sends one batch. Returns false if there is nothing to send. */
  async sendBatch(): Promise<boolean> {
    const { receiver, reader, database } = this.#options;
    this.#isWoken = false;
    const from = (await sentTo(database, receiver.name)) ?? 0;
    const rows = await reader.after(from, batchRows);
    const last = rows.at(-1);
    if (last === undefined) return false;
    await receiver.send(rows);
    await recordSent(database, receiver.name, last.seq);
    return true;
  }

  async #untilWoken(signal: AbortSignal): Promise<void> {
    if (this.#isWoken || signal.aborted) return;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = null;
  }
}
