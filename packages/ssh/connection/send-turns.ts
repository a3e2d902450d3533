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
 * Shares the turns of the event loop between the connections of a server. Data is sent at the end of the turn in which it was
 * written, so that small writes of one turn travel in one packet. A turn sends a bounded number of bytes, and each connection has
 * a bounded share of them: the rest waits for the next turn, behind the other connections.
 */
export class SendTurns {
  readonly #limits: TurnLimits;
  readonly #waiting = new Set<TurnSender>();
  #immediate: NodeJS.Immediate | null = null;

  constructor(limits: TurnLimits) {
    this.#limits = limits;
  }

  /** Lets the sender send at the end of this turn, or as soon as its turn comes. */
  add(sender: TurnSender): void {
    this.#waiting.add(sender);
    this.#immediate ??= setImmediate(() => this.#run());
  }

  remove(sender: TurnSender): void {
    this.#waiting.delete(sender);
  }

  #run(): void {
    this.#immediate = null;
    const { maxTurnBytes, maxTurnShareBytes } = this.#limits;
    let left = maxTurnBytes;
    // A sender that has more goes behind the others, into the next turn.
    for (const sender of [...this.#waiting]) {
      if (left <= 0) break;
      if (!this.#waiting.delete(sender)) continue;
      left -= sender.sendSome(Math.min(left, maxTurnShareBytes));
      if (sender.canSendMore) this.#waiting.add(sender);
    }
    if (this.#waiting.size > 0) this.#immediate ??= setImmediate(() => this.#run());
  }
}
