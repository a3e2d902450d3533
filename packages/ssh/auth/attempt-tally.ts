const maxReasons = 8;

/** Counts the refusals on one connection, for the one log line when the connection ends without a login. */
export class AttemptTally {
  readonly #methods = new Map<string, number>();
  readonly #reasons = new Map<string, number>();
  #refusals = 0;

  /** Requests refused so far. */
  get refusals(): number {
    return this.#refusals;
  }

  /** Refusals by method. */
  get methods(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#methods);
  }

  /** Refusals by reason: the first 8 different ones. */
  get reasons(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#reasons);
  }

  add(method: string, reason: string): void {
    this.#refusals += 1;
    this.#methods.set(method, (this.#methods.get(method) ?? 0) + 1);
    const known = this.#reasons.get(reason);
    if (known !== undefined || this.#reasons.size < maxReasons) this.#reasons.set(reason, (known ?? 0) + 1);
  }
}
