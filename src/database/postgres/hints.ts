import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { everyNode, hintChannel } from '../cluster/hint-channel.js';
import { GatewayClient } from './connection.js';

/** Pause before a lost connection is made again, in milliseconds. */
const reconnectMs = 2_000;

/**
 * Listens for hints to one node (LISTEN), on a connection of its own. A hint may be lost, as with each loss of the
 * connection. The listeners therefore also ask the database now and then.
 */
export class PostgresHints {
  readonly #config: () => Promise<pg.ClientConfig>;
  readonly #node: string;
  readonly #signal: AbortSignal;
  readonly #listeners = new Set<() => void>();
  #isRunning = false;

  /** `signal` ends the connection. */
  constructor(config: () => Promise<pg.ClientConfig>, node: string, signal: AbortSignal) {
    this.#config = config;
    this.#node = node;
    this.#signal = signal;
  }

  /** Calls `listener` for each hint from now on. */
  listen(listener: () => void): void {
    this.#listeners.add(listener);
    if (!this.#isRunning) void this.#run();
    this.#isRunning = true;
  }

  async #run(): Promise<void> {
    while (!this.#signal.aborted) {
      await this.#connected().catch(() => undefined);
      await pause(reconnectMs, undefined, { signal: this.#signal, ref: false }).catch(() => undefined);
    }
  }

  /** Listens until the connection is lost. */
  async #connected(): Promise<void> {
    const client = new GatewayClient(await this.#config());
    const end = () => client.connection.stream.destroy();
    const lost = new Promise<void>((resolve) => client.once('end', () => resolve()));
    client.on('error', end);
    client.on('notification', ({ payload }) => {
      if (payload === this.#node || payload === everyNode) for (const listener of this.#listeners) listener();
    });
    this.#signal.addEventListener('abort', end, { once: true });
    try {
      await client.connect();
      await client.query(`listen ${hintChannel}`);
      await lost;
    } finally {
      this.#signal.removeEventListener('abort', end);
      end();
    }
  }
}
