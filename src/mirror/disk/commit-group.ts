import { lstat, rename, rmdir, unlink } from 'node:fs/promises';
import { hasCode, isAbsence } from '../../files/system-errors.js';
import { Fault } from '../../model/fault.js';
import type { MirrorChange, MirrorEntry, MirroredObject, MirrorState } from '../../model/mirror.js';
import { parentOf } from '../plan/mirror-paths.js';
import type { MirrorDisk } from './mirror-disk.js';
import type { StagedFile } from './staging.js';

/** One change of the mirrored directory and of its recorded state. */
export type CommitStep =
  /** Moves a staged file to its path. */
  | {
      readonly kind: 'place';
      readonly file: StagedFile;
      readonly entry: MirrorEntry;
      readonly previous: MirrorEntry | null;
      /** Parent directories that may be missing and that no other step creates. */
      readonly newDirectories: readonly string[];
    }
  | { readonly kind: 'make-directory'; readonly path: string; readonly marker: MirroredObject | null }
  | { readonly kind: 'delete'; readonly path: string }
  | { readonly kind: 'remove-directory'; readonly path: string }
  /** Changes only the recorded state. */
  | { readonly kind: 'record'; readonly entry: MirrorEntry }
  | { readonly kind: 'forget'; readonly path: string };

type Place = Extract<CommitStep, { kind: 'place' }>;

/**
 * Carries out a group of steps:
 *
 * 1. sync the staged files to disk
 * 2. record the new state (durable)
 * 3. create directories and remove files and directories, in step order; then rename the staged files
 * 4. if something was removed, sync the directories and remove it from the state (durable)
 *
 * The state is ahead of additions and behind removals, so after a crash it knows everything that the mirror
 * put on disk. If a file was not yet renamed, its entry has an inode that is not at its path, and the file is
 * fetched again. If it was renamed, the entry is correct. So a rename may reach the disk later than its
 * entry, and the directories of many groups are synced together.
 */
export class CommitGroup {
  readonly #disk: MirrorDisk;
  readonly #state: MirrorState;
  readonly #name: string;
  readonly #steps: readonly CommitStep[];
  readonly #checkpoint: (step: string) => Promise<void>;
  readonly #failures = new Map<CommitStep, unknown>();
  readonly #held: HeldDirectories;
  /** Directories with changes that are not synced yet. */
  readonly #touched: Set<string>;
  /** Directories created for a file, without a step of their own. */
  readonly #made = new Set<string>();

  constructor(
    disk: MirrorDisk,
    state: MirrorState,
    name: string,
    steps: readonly CommitStep[],
    touched: Set<string>,
    checkpoint: (step: string) => Promise<void>,
  ) {
    this.#disk = disk;
    this.#state = state;
    this.#name = name;
    this.#steps = steps;
    this.#touched = touched;
    this.#checkpoint = checkpoint;
    this.#held = new HeldDirectories(disk);
  }

  /** Returns the steps that failed, with their errors. A failed step leaves nothing behind. Never throws. */
  async run(): Promise<ReadonlyMap<CommitStep, unknown>> {
    const placements = this.#steps.filter((step): step is Place => step.kind === 'place');
    try {
      await this.#carryOut(placements);
    } catch (error) {
      for (const step of this.#steps) if (!this.#failures.has(step)) this.#failures.set(step, error);
    }
    for (const { file } of placements.filter((step) => this.#failures.has(step))) {
      await this.#disk.staging.discard(file.path);
    }
    return this.#failures;
  }

  async #carryOut(placements: readonly Place[]): Promise<void> {
    await this.#checkpoint('sync files');
    const files = placements.map(({ file }) => file.path);
    await this.#disk.tools.sync.paths(files);
    await this.#checkpoint('announce');
    await this.#state.apply(this.#name, this.#announcements());
    for (const step of this.#steps) if (step.kind !== 'place') await this.#attempt(step);
    await Promise.all(placements.map((place) => this.#attempt(place)));
    if (this.#steps.some(isRemoval)) {
      await this.#checkpoint('sync directories');
      await syncDirectories(this.#disk, this.#touched);
    }
    await this.#checkpoint('conclude');
    await this.#state.apply(this.#name, this.#conclusions());
  }

  async #attempt(step: CommitStep): Promise<void> {
    try {
      await this.#checkpoint(step.kind);
      await this.#touch(step);
    } catch (error) {
      this.#failures.set(step, error);
    }
  }

  async #touch(step: CommitStep): Promise<void> {
    switch (step.kind) {
      case 'place':
        return this.#place(step);
      case 'make-directory':
        await this.#makeParents(step.path);
        await this.#disk.makeDirectory(step.path);
        this.#held.clear();
        this.#touched.add(parentOf(step.path));
        return;
      case 'delete':
        if (!(await this.#held.has(parentOf(step.path)))) return;
        if (await isRemoved(unlink(this.#disk.pathOf(step.path)))) this.#touched.add(parentOf(step.path));
        return;
      case 'remove-directory':
        return this.#removeDirectory(step.path);
      case 'record':
      case 'forget':
        return;
    }
  }

  async #place({ file, entry: { path } }: Place): Promise<void> {
    const target = this.#disk.pathOf(path);
    if (!(await this.#held.has(parentOf(path)))) await this.#makeParents(path);
    try {
      await this.#disk.tools.files.rename(file.path, target);
    } catch (error) {
      if (!hasCode(error, 'EISDIR', 'ENOTEMPTY', 'EEXIST')) throw error;
      // An empty directory may be replaced.
      if (!(await isRemoved(rmdir(target)))) throw inTheWay('its name is taken by a directory');
      await rename(file.path, target);
    }
    this.#touched.add(parentOf(path));
  }

  async #removeDirectory(path: string): Promise<void> {
    if (!(await this.#held.has(parentOf(path)))) return;
    this.#held.clear();
    if (!(await isRemoved(rmdir(this.#disk.pathOf(path))))) {
      throw inTheWay('the directory is no longer in S3 but contains files');
    }
    this.#made.delete(path);
    this.#touched.add(parentOf(path));
  }

  /** Creates the parent directories. Throws if a link or a file has the name of one of them. */
  async #makeParents(path: string): Promise<void> {
    for (const directory of await this.#disk.makeParents(path)) {
      this.#made.add(directory);
      this.#touched.add(parentOf(directory));
    }
  }

  #announcements(): readonly MirrorChange[] {
    const changes: MirrorChange[] = [];
    for (const step of this.#steps) {
      if (step.kind === 'place')
        changes.push(...step.newDirectories.map((path) => directoryChange(path, null)));
      if (step.kind === 'place' || step.kind === 'record') changes.push({ kind: 'put', entry: step.entry });
      if (step.kind === 'make-directory') changes.push(directoryChange(step.path, step.marker));
    }
    return changes;
  }

  #conclusions(): readonly MirrorChange[] {
    const changes: MirrorChange[] = [];
    for (const step of this.#steps) {
      const hasFailed = this.#failures.has(step);
      if (step.kind === 'place') {
        if (hasFailed) changes.push(restored(step.entry.path, step.previous));
      } else if (step.kind === 'make-directory') {
        if (hasFailed) changes.push({ kind: 'remove', path: step.path });
      } else if (step.kind !== 'record' && !hasFailed) changes.push({ kind: 'remove', path: step.path });
    }
    for (const path of this.#made) changes.push(directoryChange(path, null));
    return changes;
  }
}

function isRemoval({ kind }: CommitStep): boolean {
  return kind === 'delete' || kind === 'remove-directory';
}

/** Syncs changes in these directories to disk, and empties the set. */
export async function syncDirectories(disk: MirrorDisk, touched: Set<string>): Promise<void> {
  const paths = [...touched];
  touched.clear();
  const present: string[] = [];
  for (const path of paths) {
    const directory = disk.pathOf(path);
    // A directory may have been removed after something in it.
    if ((await lstat(directory).catch(() => null))?.isDirectory()) present.push(directory);
  }
  await disk.tools.sync.paths(present);
}

function directoryChange(path: string, marker: MirroredObject | null): MirrorChange {
  return { kind: 'put', entry: { path, object: marker, stamp: null, refusal: null } };
}

/** Remembers within one group which directories exist at their own path, without links. */
class HeldDirectories {
  readonly #disk: MirrorDisk;
  readonly #answers = new Map<string, Promise<boolean>>();

  constructor(disk: MirrorDisk) {
    this.#disk = disk;
  }

  has(directory: string): Promise<boolean> {
    const known = this.#answers.get(directory);
    if (known !== undefined) return known;
    const answer = this.#disk.holds(directory);
    this.#answers.set(directory, answer);
    return answer;
  }

  clear(): void {
    this.#answers.clear();
  }
}

function inTheWay(what: string): Fault {
  return new Fault('conflict', `${what} that the mirror did not create; move it away`);
}

/**
 * Returns false if something else is in the way: a directory instead of a file, or a directory with foreign
 * files.
 */
async function isRemoved(removal: Promise<void>): Promise<boolean> {
  try {
    await removal;
    return true;
  } catch (error) {
    if (isAbsence(error)) return true;
    if (hasCode(error, 'ENOTEMPTY', 'EEXIST', 'EISDIR', 'EPERM', 'EBUSY')) return false;
    throw error;
  }
}

function restored(path: string, previous: MirrorEntry | null): MirrorChange {
  return previous === null ? { kind: 'remove', path } : { kind: 'put', entry: previous };
}
