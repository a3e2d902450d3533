/**
 * The order of the operations on one open handle. Shared ones (READ, WRITE) start as they come and may overlap, but settle in
 * the order in which they came; an exclusive one (CLOSE, a change of size) waits for all before it, and all after it wait for
 * that one.
 *
 * The protocol lets answers overtake each other (draft-ietf-secsh-filexfer-02 section 6.1), but OpenSSH's `scp` cuts a file
 * at the first byte that came out of turn, on either side and without a word (sftp-client.c, `highwater`). Answers on
 * different handles do overtake.
 */
export class HandleOrder {
  readonly #outstanding = new Set<Promise<unknown>>();
  /** The last exclusive operation that has not ended. */
  #barrier: Promise<unknown> | null = null;
  /** Resolves when the last shared operation so far has settled; null when all have. */
  #turn: Promise<void> | null = null;

  /** Starts at once, synchronously, unless an exclusive operation is under way. Settles after the shared ones before it. */
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

/** What `result` settles with, once `before` has resolved. */
async function settleAfter<T>(before: Promise<void>, result: Promise<T>): Promise<T> {
  const [settled] = await Promise.allSettled([result, before]);
  if (settled.status === 'rejected') throw settled.reason;
  return settled.value;
}
