/**
 * Orders the operations on one open handle. Shared operations (READ, WRITE) start on arrival and may overlap,
 * but settle in the order of arrival. An exclusive operation (CLOSE, a change of size) waits for all earlier
 * ones, and all later ones wait for it.
 *
 * The protocol lets replies overtake each other (draft-ietf-secsh-filexfer-02 section 6.1). But OpenSSH's
 * `scp` silently truncates a file at the first byte that arrives out of order, in both directions
 * (sftp-client.c, `highwater`). Replies on different handles do overtake each other.
 */
export class HandleOrder {
  readonly #outstanding = new Set<Promise<unknown>>();
  /** The last exclusive operation that has not ended. */
  #barrier: Promise<unknown> | null = null;
  /** Resolves when the latest shared operation has settled. Null if none is running. */
  #turn: Promise<void> | null = null;

  /**
   * Starts synchronously unless an exclusive operation is pending. Settles after the earlier shared
   * operations.
   */
  shared<T>(operation: () => Promise<T>): Promise<T> {
    const started = this.#barrier === null ? operation() : this.#barrier.then(operation);
    const before = this.#turn;
    const inTurn = before === null ? started : settleAfter(before, started);
    const turn = inTurn.then(
      () => undefined,
      () => undefined,
    );
    this.#turn = turn;
    void turn.then(() => {
      if (this.#turn === turn) this.#turn = null;
    });
    return this.#track(inTurn);
  }

  /** Starts once all earlier operations have settled. Ignores their failures. */
  exclusive<T>(operation: () => Promise<T>): Promise<T> {
    const result = Promise.allSettled([...this.#outstanding]).then(operation);
    const barrier = result.then(
      () => undefined,
      () => undefined,
    );
    this.#barrier = barrier;
    void barrier.then(() => {
      if (this.#barrier === barrier) this.#barrier = null;
    });
    return this.#track(result);
  }

  #track<T>(result: Promise<T>): Promise<T> {
    this.#outstanding.add(result);
    const forget = () => void this.#outstanding.delete(result);
    result.then(forget, forget);
    return result;
  }
}

/** Settles like `result`, but not before `before` has resolved. */
async function settleAfter<T>(before: Promise<void>, result: Promise<T>): Promise<T> {
  const [settled] = await Promise.allSettled([result, before]);
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}
