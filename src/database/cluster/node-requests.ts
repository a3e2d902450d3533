import { sql } from 'kysely';
import type { Clock, Entropy } from '../../model/call.js';
import { Fault } from '../../model/fault.js';
import type { NodeProcess } from '../../model/nodes.js';
import type { GatewayDatabase, RowOwner } from '../database.js';
import { databaseNow } from './clock.js';
import { hint } from './hint-channel.js';

/** How often a node that waits for an answer checks for it, in milliseconds. */
const answerPollMs = 100;
/** A request that is older is forgotten, in milliseconds. */
const forgottenMs = 60_000;
/** Max requests that a node reads at once. */
const requestsPerRead = 50;

/** A request of another node to this one. */
export interface ReceivedRequest {
  readonly id: string;
  readonly kind: string;
  readonly content: unknown;
}

/** Requests from node to node, as rows that the asked node answers. Contents and answers are JSON. */
export class NodeRequests {
  readonly #db: GatewayDatabase;
  readonly #owner: RowOwner;
  readonly #clock: Clock;
  readonly #entropy: Entropy;

  constructor(db: GatewayDatabase, owner: RowOwner, clock: Clock, entropy: Entropy) {
    this.#db = db;
    this.#owner = owner;
    this.#clock = clock;
    this.#entropy = entropy;
  }

  /**
   * Asks a node and returns its answer. Throws `timed-out` if it does not answer in time, `cancelled` if the signal
   * aborts, and the database's faults.
   */
  async ask(
    { node, epoch }: NodeProcess,
    kind: string,
    content: unknown,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<unknown> {
    const id = this.#entropy.id();
    const untilMs = this.#clock.monotonicMs() + timeoutMs;
    await this.#db.write(async (trx) => {
      await trx
        .insertInto('node_request')
        .values({
          ...{ id, node, node_epoch: epoch, kind, content: JSON.stringify(content) },
          created_ms: databaseNow(trx),
        })
        .execute();
      await hint(trx, node);
    });
    try {
      for (;;) {
        const row = await this.#db.read((db) =>
          db.selectFrom('node_request').select('answer').where('id', '=', id).executeTakeFirst(),
        );
        if (row?.answer != null) return JSON.parse(row.answer);
        if (this.#clock.monotonicMs() >= untilMs)
          throw new Fault('timed-out', `the node ${node} did not answer within ${timeoutMs / 1000} s`);
        await this.#clock.sleep(answerPollMs, signal);
      }
    } finally {
      // Otherwise it is forgotten later.
      await this.#db
        .write((trx) => trx.deleteFrom('node_request').where('id', '=', id).execute())
        .catch(() => undefined);
    }
  }

  /** Calls `listener` when this node may have a request. A call may be missing. */
  onHint(listener: () => void): void {
    this.#db.hints?.listen(listener);
  }

  /** Returns the requests to this node that have no answer, the oldest first. Throws the database's faults. */
  async received(): Promise<readonly ReceivedRequest[]> {
    const rows = await this.#db.read((db) =>
      db
        .selectFrom('node_request')
        .select(['id', 'kind', 'content'])
        .where('node', '=', this.#owner.node)
        .where('node_epoch', '=', this.#owner.epoch)
        .where('answer', 'is', null)
        .orderBy('created_ms')
        .limit(requestsPerRead)
        .execute(),
    );
    return rows.map(({ id, kind, content }) => ({ id, kind, content: JSON.parse(content) as unknown }));
  }

  /** Answers a request. Does nothing if the other node no longer waits. Throws the database's faults. */
  async answer(id: string, answer: unknown): Promise<void> {
    await this.#db.write((trx) =>
      trx
        .updateTable('node_request')
        .set({ answer: JSON.stringify(answer) })
        .where('id', '=', id)
        .execute(),
    );
  }

  /** Removes requests whose node no longer waits. Throws the database's faults. */
  async clean(): Promise<void> {
    await this.#db.write((trx) =>
      trx
        .deleteFrom('node_request')
        .where('created_ms', '<', sql<number>`${databaseNow(trx)} - ${sql.lit(forgottenMs)}`)
        .execute(),
    );
  }
}
