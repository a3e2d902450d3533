import { remembered } from '../../concurrency/remembered.js';
import type { NodeRequests } from '../../database/cluster/node-requests.js';
import type { NodeSessions } from '../../database/cluster/node-sessions.js';
import type { LiveSessions } from '../../live/live-sessions.js';
import type { Clock } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { SessionAdministration, SessionStatus } from '../../model/live.js';
import type { OtherSession } from '../../model/nodes.js';
import type { NodeSync } from './node-sync.js';

/** How long another node has to answer by default, in milliseconds. */
const defaultAnswerMs = 3_000;
/** How long a list is given to others who ask, in milliseconds. */
const listMs = 1_000;

/** The services of a `ClusterSessions`. */
export interface ClusterSessionsServices {
  readonly live: LiveSessions;
  readonly sessions: Pick<NodeSessions, 'others'>;
  readonly requests: Pick<NodeRequests, 'ask'>;
  /** The name of this node's machine. */
  readonly nodeName: string;
  readonly clock: Clock;
  /** Ends the waits for other nodes. */
  readonly signal: AbortSignal;
  /** How long another node has to answer, in milliseconds. */
  readonly answerMs?: number;
}

/** The sessions of all nodes. Each node has its own, so the others are asked through the database. */
export class ClusterSessions implements SessionAdministration {
  readonly #services: ClusterSessionsServices;
  readonly #ofOthers: () => Promise<readonly SessionStatus[]>;

  constructor(services: ClusterSessionsServices) {
    this.#services = services;
    this.#ofOthers = remembered(() => this.#askOthers(), listMs, services.clock);
  }

  /** Lets other nodes list and end the sessions of this one. */
  serve(sync: Pick<NodeSync, 'handle'>): void {
    const { live } = this.#services;
    sync.handle('sessions', () => live.list());
    sync.handle('disconnect', async (_call, id) => (typeof id === 'string' ? live.disconnect(id) : null));
  }

  async list(): Promise<readonly SessionStatus[]> {
    const { live, nodeName } = this.#services;
    const [own, others] = await Promise.all([live.list(), this.#ofOthers()]);
    return [...own.map((session) => ({ ...session, node: nodeName })), ...others].sort(
      (one, other) => one.startedMs - other.startedMs,
    );
  }

  async disconnect(id: string): Promise<SessionStatus | null> {
    const { live, nodeName, sessions, requests, signal, answerMs = defaultAnswerMs } = this.#services;
    const own = await live.disconnect(id);
    if (own !== null) return { ...own, node: nodeName };
    const [other] = await sessions.others(id);
    if (other === undefined) return null;
    const ended = await requests.ask(other.process, 'disconnect', id, answerMs, signal);
    return ended === null ? null : { ...(ended as SessionStatus), node: other.nodeName };
  }

  /** A node that does not answer in time has its sessions listed without their transfers. */
  async #askOthers(): Promise<readonly SessionStatus[]> {
    const rows = await this.#services.sessions.others();
    const byNode = Map.groupBy(rows, ({ process }) => process.node);
    return (await Promise.all([...byNode.values()].map((own) => this.#ask(own)))).flat();
  }

  async #ask(rows: readonly OtherSession[]): Promise<readonly SessionStatus[]> {
    const { requests, signal, clock, answerMs = defaultAnswerMs } = this.#services;
    const [first] = rows;
    if (first === undefined) return [];
    try {
      const answer = await requests.ask(first.process, 'sessions', null, answerMs, signal);
      return (answer as readonly SessionStatus[]).map((status) => ({ ...status, node: first.nodeName }));
    } catch (error) {
      if (Fault.from(error).kind !== 'timed-out') throw error;
      return rows.map(({ id, login, startedMs, nodeName }) => ({
        ...{ id, node: nodeName, ...login, startedMs, idleMs: Math.max(0, clock.nowMs() - startedMs) },
        ...{ bytesReceived: 0, bytesSent: 0, transfers: [] },
      }));
    }
  }
}
