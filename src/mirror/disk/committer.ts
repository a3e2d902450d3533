import { GroupQueue } from '../../concurrency/group-queue.js';
import type { MirrorState } from '../../model/mirror.js';
import { CommitGroup, type CommitStep, syncDirectories } from './commit-group.js';
import type { MirrorDisk } from './mirror-disk.js';

/** Max steps that share one sync of the disk and one commit of the database. */
const maxGroup = 512;
const maxWaiting = 2048;

/** Carries out steps in groups and in order. Many files share one wait for the disk and the database. */
export class Committer {
  readonly #queue: GroupQueue<CommitStep>;

  constructor(
    disk: MirrorDisk,
    state: MirrorState,
    name: string,
    checkpoint: (step: string) => Promise<void> = async () => undefined,
  ) {
    /** Directories with renames that may not be on disk yet. */
    const touched = new Set<string>();
    this.#queue = new GroupQueue({
      maxGroup,
      maxWaiting,
      process: (steps) => new CommitGroup(disk, state, name, steps, touched, checkpoint).run(),
      // The files have their names already; a failed sync of a directory does not undo that.
      drained: () => syncDirectories(disk, touched).catch(() => undefined),
    });
  }

  /**
   * Resolves when the step is done and durable. Throws the error of the disk or the database; the step then
   * has left nothing behind.
   */
  commit(step: CommitStep): Promise<void> {
    return this.#queue.submit(step);
  }

  /** Resolves when more steps may be committed. */
  ready(): Promise<void> {
    return this.#queue.ready();
  }

  /** Resolves when no step is running and every rename is on disk. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }
}
