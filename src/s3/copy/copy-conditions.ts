/** What is known of how a server takes conditions on the target of a CopyObject. */
export class CopyConditions {
  /** Null until it is known, and for good where it cannot be tried. */
  areHonoured: boolean | null = null;
  #isTried = false;
  #turn: Promise<unknown> = Promise.resolve();

  /**
   * Has `trial` find it out, once: whoever comes meanwhile waits for it. It answers null where it cannot be tried; when it
   * throws, that goes to who brought it, and the next one tries again.
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
