/** Tasks that run in the background of one caller. */
export class TaskSet {
  readonly #running = new Set<Promise<void>>();
  #wake: (() => void)[] = [];

  /** Adds a task, which must not reject. */
  add(task: Promise<void>): void {
    const running = task.then(() => {
      this.#running.delete(running);
      for (const wake of this.#wake.splice(0)) wake();
    });
    this.#running.add(running);
  }

  /** Resolves when fewer than `max` tasks run. */
  async below(max: number): Promise<void> {
    while (this.#running.size >= max) await new Promise<void>((resolve) => this.#wake.push(resolve));
  }

  /** Resolves when no task runs. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }
}
