/** What is known of how a server takes conditions on the target of a CopyObject. */
export class CopyConditions {
  /** Null until a copy has shown it. */
  areHonoured: boolean | null = null;
  #learning: Promise<unknown> = Promise.resolve();

  /** Runs `copy` unless one before it has shown it meanwhile: then undefined. One at a time. */
  async learn<T>(copy: () => Promise<T>): Promise<T | undefined> {
    const turn = this.#learning.then(() => (this.areHonoured === null ? copy() : undefined));
    this.#learning = turn.catch(() => undefined);
    return turn;
  }
}
