/** Remembers whether a server honours conditions on the target of CopyObject. */
export class CopyConditions {
  /** Null until it is known, and for good if it cannot be tried. */
  areHonoured: boolean | null = null;
  #isTried = false;
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * Runs `trial` once; concurrent callers wait for it. It returns null if it cannot be tried. A fault that it
   * throws goes to its own caller, and the next caller tries again.
   */
  async learn(trial: () => Promise<boolean | null>): Promise<void> {
    if (this.#isTried || this.areHonoured !== null) return;
    const turn = this.#turn.then(async () => {
      if (this.#isTried) return;
      this.areHonoured = await trial();
      this.#isTried = true;
    });
    this.#turn = turn.catch(() => undefined);
    await turn;
  }
}
