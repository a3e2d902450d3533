import type { NodeRequests, ReceivedRequest } from '../../database/cluster/node-requests.js';
import type { NodeSessions } from '../../database/cluster/node-sessions.js';
import type { DatabaseSharedLogins } from '../../database/cluster/shared-logins.js';
import type { LiveSessions } from '../../live/live-sessions.js';
import type { Call, Clock } from '../../model/call.js';
import { Fault, isFault } from '../../model/fault.js';
import type { LoginDefence } from '../../sftp/defence/login-defence.js';

/** How often a node tells the others what it has, and reads what they have, in milliseconds. */
const syncMs = 500;
/** How often rows that have expired are removed, in milliseconds. */
const cleanMs = 60_000;

/** Carries out a request of another node and returns the answer, which becomes JSON. */
export type RequestHandler = (call: Call, content: unknown) => Promise<unknown>;

/** The services of a `NodeSync`. */
export interface NodeSyncServices {
  readonly sessions: NodeSessions;
  readonly requests: NodeRequests;
  readonly logins: DatabaseSharedLogins;
  readonly live: LiveSessions;
  readonly defence: Pick<LoginDefence, 'sync'>;
  readonly clock: Clock;
}

/**
 * Shares the sessions and the failed logins of this node with the others, and carries out their requests. The work
 * of the database is bounded: a few statements in each half second, however many clients connect.
 */
export class NodeSync {
  readonly #services: NodeSyncServices;
  readonly #handlers = new Map<string, RequestHandler>();
  /** The sessions whose rows are in the database. */
  readonly #published = new Set<string>();
  readonly #running = new Set<string>();
  readonly #failing = new Set<string>();
  #nextCleanMs = Number.NEGATIVE_INFINITY;

  constructor(services: NodeSyncServices) {
    this.#services = services;
  }

  /** Lets other nodes ask for `kind`. */
  handle(kind: string, handler: RequestHandler): void {
    this.#handlers.set(kind, handler);
  }

  /** Shares until the call is cancelled. */
  async watch(call: Call): Promise<void> {
    const { clock, requests } = this.#services;
    let hinted = new AbortController();
    requests.onHint(() => hinted.abort());
    try {
      for (;;) {
        await this.once(call);
        const nextMs = clock.monotonicMs() + syncMs;
        for (let leftMs = syncMs; leftMs > 0; leftMs = nextMs - clock.monotonicMs()) {
          await clock.sleep(leftMs, AbortSignal.any([call.signal, hinted.signal])).catch(() => undefined);
          if (call.signal.aborted) return;
          if (!hinted.signal.aborted) break;
          hinted = new AbortController();
          await this.#attempt(call, 'requests', () => this.#answer(call));
        }
      }
    } catch (error) {
      if (!isFault(error, 'cancelled') && !call.signal.aborted) throw error;
    }
  }

  /** Shares once. Never rejects, except with `cancelled`. */
  async once(call: Call): Promise<void> {
    const { defence, live, sessions, clock } = this.#services;
    await Promise.all([
      this.#attempt(call, 'sessions', async () => {
        await this.#publish();
        live.countOthers(await sessions.countOthers());
      }),
      this.#attempt(call, 'logins', () => defence.sync()),
      this.#attempt(call, 'requests', () => this.#answer(call)),
    ]);
    if (clock.monotonicMs() < this.#nextCleanMs) return;
    this.#nextCleanMs = clock.monotonicMs() + cleanMs;
    await this.#attempt(call, 'rows to remove', () => this.#clean());
  }

  async #publish(): Promise<void> {
    const { live, sessions } = this.#services;
    const current = live.all;
    const ids = new Set(current.map(({ id }) => id));
    const opened = current.filter(({ id }) => !this.#published.has(id));
    const closed = [...this.#published].filter((id) => !ids.has(id));
    await sessions.publish(opened, closed);
    for (const { id } of opened) this.#published.add(id);
    for (const id of closed) this.#published.delete(id);
  }

  /** Begins to carry out new requests. The next turn does not wait for them. */
  async #answer(call: Call): Promise<void> {
    for (const request of await this.#services.requests.received()) {
      if (this.#running.has(request.id)) continue;
      this.#running.add(request.id);
      void this.#attempt(call, 'answers', () => this.#carryOut(call, request))
        .catch(() => undefined)
        .finally(() => this.#running.delete(request.id));
    }
  }

  async #carryOut(call: Call, { id, kind, content }: ReceivedRequest): Promise<void> {
    const handler = this.#handlers.get(kind);
    // A node of a newer version may ask for what this one does not know.
    const answer: Promise<unknown> = handler?.(call, content) ?? Promise.resolve(null);
    await this.#services.requests.answer(id, (await answer) ?? null);
  }

  async #clean(): Promise<void> {
    const { sessions, requests, logins } = this.#services;
    await sessions.clean();
    await requests.clean();
    await logins.clean();
  }

  /** Logs the first of several failures in a row. */
  async #attempt(call: Call, what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
      this.#failing.delete(what);
    } catch (error) {
      if (call.signal.aborted) throw new Fault('cancelled', 'the gateway stops');
      if (!this.#failing.has(what))
        call.log.error('nodes not synchronised', { what, error: Fault.from(error) });
      this.#failing.add(what);
    }
  }
}
