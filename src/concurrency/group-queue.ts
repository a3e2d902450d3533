interface Waiting<T> {
  readonly item: T;
  resolve(): void;
  reject(error: unknown): void;
}

export interface GroupQueueOptions<T> {
  /** Max items in one group. */
  readonly maxGroup: number;
  /** Max items that wait before `ready` blocks. */
  readonly maxWaiting: number;
  /** Processes one group and returns the failures of its items. Does not throw. */
  readonly process: (items: readonly T[]) => Promise<ReadonlyMap<T, unknown>>;
  /** Called each time the queue has become empty. Does not throw. Items that arrive meanwhile wait for it. */
  readonly drained: () => Promise<void>;
}

/**
 * Processes items in groups, in their order, one group at a time: what is submitted while a group is processed forms the
 * next group. A cost that is paid once per group is thus shared by many items. A wait cannot be cancelled.
 */
export class GroupQueue<T> {
  readonly #options: GroupQueueOptions<T>;
  readonly #waiting: Waiting<T>[] = [];
  readonly #blocked: (() => void)[] = [];
  #running: Promise<void> | null = null;

  constructor(options: GroupQueueOptions<T>) {
    this.#options = options;
  }

  /** Resolves when the item has been processed. Throws its failure. */
  submit(item: T): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when fewer than `maxWaiting` items wait. */
  async ready(): Promise<void> {
    while (this.#waiting.length >= this.#options.maxWaiting) {
      await new Promise<void>((resolve) => this.#blocked.push(resolve));
    }
  }

  /** Resolves when the queue is empty and nothing is being processed. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    // Items that are submitted in the same turn form one group.
    await new Promise((resume) => setImmediate(resume));
    while (this.#waiting.length > 0) {
      while (this.#waiting.length > 0) {
        await this.#processGroup(this.#waiting.splice(0, this.#options.maxGroup));
        for (const unblock of this.#blocked.splice(0)) unblock();
      }
      await this.#options.drained();
    }
    this.#running = null;
  }

  async #processGroup(group: readonly Waiting<T>[]): Promise<void> {
    const failures = await this.#options.process(group.map(({ item }) => item));
    for (const { item, resolve, reject } of group) {
      if (failures.has(item)) reject(failures.get(item));
      else resolve();
    }
  }
}
