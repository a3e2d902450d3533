/** A connection whose channels have data to send. */
export interface TurnSender {
  /** Sends at most about `maxBytes` bytes. Returns how many it sent. */
  sendSome(maxBytes: number): number;
  /** True if `sendSome` has more to send and nothing but its bound stops it. */
  readonly canSendMore: boolean;
}

export interface TurnLimits {
  readonly maxTurnBytes: number;
  readonly maxTurnShareBytes: number;
}

/**
 * Shares the turns of the event loop between the connections of a server. Data is sent after the callback in which it was written,
 * so that its small writes travel in one packet. A turn sends a bounded number of bytes, and each connection a bounded share of
 * them: the rest waits for the next turn, behind the other connections.
 */
export class SendTurns {
  readonly #limits: TurnLimits;
  /** Senders that have not had their share of this turn. */
  readonly #waiting = new Set<TurnSender>();
  readonly #nextTurn = new Set<TurnSender>();
  #left: number;
  #isRunScheduled = false;
  #isTurnMarked = false;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
    this.#left = limits.maxTurnBytes;
  }

  /** Lets the sender send after this callback, or as soon as its turn comes. */
  add(sender: TurnSender): void {
    if (this.#nextTurn.has(sender)) return;
    this.#waiting.add(sender);
    this.#markTurn();
    if (this.#isRunScheduled || this.#left <= 0) return;
    this.#isRunScheduled = true;
    process.nextTick(() => this.#run());
  }

  remove(sender: TurnSender): void {
    this.#waiting.delete(sender);
    this.#nextTurn.delete(sender);
  }

  #run(): void {
    this.#isRunScheduled = false;
    for (const sender of [...this.#waiting]) {
      if (this.#left <= 0) break;
      if (!this.#waiting.delete(sender)) continue;
      this.#left -= sender.sendSome(Math.min(this.#left, this.#limits.maxTurnShareBytes));
      if (sender.canSendMore) this.#nextTurn.add(sender);
    }
  }

  /** Begins the next turn when this one ends. */
  #markTurn(): void {
    if (this.#isTurnMarked) return;
    this.#isTurnMarked = true;
    setImmediate(() => {
      this.#isTurnMarked = false;
      this.#left = this.#limits.maxTurnBytes;
      for (const sender of this.#nextTurn) this.#waiting.add(sender);
      this.#nextTurn.clear();
      if (this.#waiting.size === 0) return;
      this.#markTurn();
      this.#run();
    });
  }
}
