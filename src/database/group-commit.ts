import { CompiledQuery, type Transaction } from 'kysely';

interface PendingWrite<DB> {
  /** False for a write that waits for the next commit. */
  readonly isUrgent: boolean;
  /** Runs the work. Returns the function that settles its promise once the commit is durable. */
  readonly run: (trx: Transaction<DB>) => Promise<() => void>;
  readonly reject: (error: unknown) => void;
}

/**
 * Runs work in a transaction and commits it durably. Undoes it if the work throws. May run the work again if the
 * transaction was undone for another reason.
 */
export type Transact<DB> = <T>(work: (trx: Transaction<DB>) => Promise<T>) => Promise<T>;

/** Max writes per commit, because a transaction locks the database while it runs. */
const maxWritesPerCommit = 256;

/**
 * After a commit of several writes, the next one waits three times as long as the last one took. It collects
 * the writes that arrive in the meantime. `maxPauseMs` bounds the wait.
 */
const pausePerCommit = 3;
const maxPauseMs = 5;

/** Max time in milliseconds for which a write waits for the commit of another one: see `writeSoon`. */
const maxDelayMs = 20;

/** Monotonic clock and pauses, in milliseconds. */
export interface CommitTiming {
  now(): number;
  pause(ms: number): Promise<void>;
}

/** The machine's clock. */
export const systemTiming: CommitTiming = {
  now: () => performance.now(),
  pause: (ms) => new Promise((resume) => setTimeout(resume, ms)),
};

/**
 * Combines writes that arrive within a turn of the event loop, or during an earlier commit, into one durable
 * commit. They share one wait for the disk. Each write still succeeds or fails alone, and they run in call
 * order. A single writer does not wait, unless several have just shared a commit.
 */
export class GroupCommit<DB> {
  readonly #transact: Transact<DB>;
  readonly #timing: CommitTiming;
  readonly #committed: (ms: number) => void;
  #pending: PendingWrite<DB>[] = [];
  #draining: Promise<void> | null = null;
  /** Begins a commit if no urgent write does so before. */
  #delay: NodeJS.Timeout | null = null;
  /** Settles with the last write that may wait, null if all have settled. */
  #lastSoon: Promise<void> | null = null;
  /** When the next commit may begin. */
  #nextAt = 0;

  /** `committed` receives the time of each commit, in milliseconds. */
  constructor(
    transact: Transact<DB>,
    timing: CommitTiming = systemTiming,
    committed: (ms: number) => void = () => undefined,
  ) {
    this.#transact = transact;
    this.#committed = committed;
    this.#timing = timing;
  }

  /** Resolves with the result of `work` once it is durable. Undoes the write if `work` throws. */
  write<T>(work: (trx: Transaction<DB>) => Promise<T>): Promise<T> {
    const written = this.#add(work, true);
    this.#begin();
    return written;
  }

  /**
   * Does the same, but lets the write wait for up to 20 ms for another one, so that they share a commit.
   * Later writes run after it. Reads see it after `visible`.
   */
  writeSoon<T>(work: (trx: Transaction<DB>) => Promise<T>): Promise<T> {
    const written = this.#add(work, false);
    if (this.#draining === null) this.#delay ??= setTimeout(() => this.#begin(), maxDelayMs);
    const settled = written.then(ignore, ignore).then(() => {
      if (this.#lastSoon === settled) this.#lastSoon = null;
    });
    this.#lastSoon = settled;
    return written;
  }

  /** Commits every write so far that waits. Resolves when reads see them, at once (null) if there are none. */
  visible(): Promise<void> | null {
    if (this.#lastSoon !== null) this.#begin();
    return this.#lastSoon;
  }

  /** Resolves when every write so far has settled. */
  async idle(): Promise<void> {
    while (this.#draining !== null || this.#pending.length > 0) {
      this.#begin();
      await this.#draining;
    }
  }

  #add<T>(work: (trx: Transaction<DB>) => Promise<T>, isUrgent: boolean): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const run = async (trx: Transaction<DB>): Promise<() => void> => {
        const value = await work(trx);
        return () => resolve(value);
      };
      this.#pending.push({ isUrgent, run, reject });
    });
  }

  #begin(): void {
    if (this.#delay !== null) clearTimeout(this.#delay);
    this.#delay = null;
    this.#draining ??= this.#drain();
  }

  async #drain(): Promise<void> {
    while (this.#pending.length > 0) {
      await answersSent();
      const earlyMs = this.#nextAt - this.#timing.now();
      if (earlyMs > 0 && this.#pending.length < maxWritesPerCommit) await this.#timing.pause(earlyMs);
      await this.#timed(this.#pending.splice(0, maxWritesPerCommit));
    }
    this.#draining = null;
  }

  async #timed(writes: readonly PendingWrite<DB>[]): Promise<void> {
    const began = this.#timing.now();
    await this.#commit(writes);
    const ended = this.#timing.now();
    this.#committed(ended - began);
    const pauseMs = Math.min((ended - began) * pausePerCommit, maxPauseMs);
    this.#nextAt = writes.filter(({ isUrgent }) => isUrgent).length > 1 ? ended + pauseMs : ended;
  }

  async #commit(writes: readonly PendingWrite<DB>[]): Promise<void> {
    let settle: readonly (() => void)[];
    try {
      settle = await this.#run(writes);
    } catch (error) {
      for (const write of writes) write.reject(error);
      return;
    }
    for (const done of settle) done();
  }

  /**
   * Runs all writes in one transaction. If one of them throws, the transaction is undone, and the writes run again with
   * a savepoint for each. Without a failure, as usual, they need none.
   */
  async #run(writes: readonly PendingWrite<DB>[]): Promise<readonly (() => void)[]> {
    let hasThrown = false;
    try {
      return await this.#transact(async (trx) => {
        hasThrown = true;
        const done: (() => void)[] = [];
        for (const write of writes) done.push(await write.run(trx));
        hasThrown = false;
        return done;
      });
    } catch (error) {
      // A commit that failed may have succeeded, and a single write has failed alone.
      if (!hasThrown || writes.length === 1) throw error;
    }
    return await this.#transact(async (trx) => {
      const done: (() => void)[] = [];
      for (const write of writes) done.push(await runAlone(trx, write));
      return done;
    });
  }
}

const savepoint = CompiledQuery.raw('savepoint one_write');
const release = CompiledQuery.raw('release savepoint one_write');
const rollback = CompiledQuery.raw('rollback to savepoint one_write');

/**
 * Resolves in the second turn of the event loop. The replies of the first one are then on their way, such as that to the
 * OPEN of a file whose row is written, and its client continues during the commit.
 */
function answersSent(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

function ignore(): void {}

async function runAlone<DB>(trx: Transaction<DB>, write: PendingWrite<DB>): Promise<() => void> {
  await trx.executeQuery(savepoint);
  try {
    const done = await write.run(trx);
    await trx.executeQuery(release);
    return done;
  } catch (error) {
    try {
      await trx.executeQuery(rollback);
      await trx.executeQuery(release);
    } catch {
      // The engine has rolled back the whole transaction already, as on a full disk. The first error gives
      // the reason.
      throw error;
    }
    return () => write.reject(error);
  }
}
