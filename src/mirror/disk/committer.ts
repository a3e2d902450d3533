import type { MirrorState } from '../../model/mirror.js';
import { CommitGroup, type Step, syncDirectories } from './commit-group.js';
import type { MirrorDisk } from './mirror-disk.js';

interface Pending {
  readonly step: Step;
  resolve(): void;
  reject(error: unknown): void;
}

/** Steps that share one sync of the disk and one commit of the database. */
const maxGroup = 512;
const maxWaiting = 2048;

/** Carries out steps in groups, in their order, so that the waits for disk and database are paid once for many files. */
export class Committer {
  readonly #disk: MirrorDisk;
  readonly #state: MirrorState;
  readonly #name: string;
  readonly #checkpoint: (step: string) => Promise<void>;
  readonly #waiting: Pending[] = [];
  readonly #admissions: (() => void)[] = [];
  /** Directories whose renames may not have reached the disk yet. */
  readonly #touched = new Set<string>();
  #running: Promise<void> | null = null;

  constructor(
    disk: MirrorDisk,
    state: MirrorState,
    name: string,
    checkpoint: (step: string) => Promise<void> = async () => undefined,
  ) {
    this.#disk = disk;
    this.#state = state;
    this.#name = name;
    this.#checkpoint = checkpoint;
  }

  /** Resolves when the step is done and durable. Throws what the disk or the database said of it; then nothing of it stays. */
  commit(step: Step): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ step, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when there is room for more steps. */
  async ready(): Promise<void> {
    while (this.#waiting.length >= maxWaiting) {
      await new Promise<void>((resolve) => this.#admissions.push(resolve));
    }
  }

  /** Resolves when nothing is under way, and every rename has reached the disk. */
  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    // What is submitted in the same turn goes together.
    await new Promise((resume) => setImmediate(resume));
    while (this.#waiting.length > 0) {
      await this.#commitGroup(this.#waiting.splice(0, maxGroup));
      for (const admit of this.#admissions.splice(0)) admit();
    }
    // The files are at their places: a directory that cannot be synced takes nothing of that back.
    await syncDirectories(this.#disk, this.#touched).catch(() => undefined);
    if (this.#waiting.length > 0) return this.#run();
    this.#running = null;
  }

  async #commitGroup(pending: readonly Pending[]): Promise<void> {
    const steps = pending.map(({ step }) => step);
    const group = new CommitGroup(
      this.#disk,
      this.#state,
      this.#name,
      steps,
      this.#touched,
      this.#checkpoint,
    );
    const failures = await group.run();
    for (const { step, resolve, reject } of pending) {
      if (failures.has(step)) reject(failures.get(step));
      else resolve();
    }
  }
}
