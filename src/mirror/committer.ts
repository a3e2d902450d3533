import { lstat, rename, rmdir, unlink } from 'node:fs/promises';
import { hasCode, isAbsence } from '../files/system-errors.js';
import { Fault } from '../model/fault.js';
import type { MirrorChange, MirrorEntry, MirroredObject, MirrorState } from '../model/mirror.js';
import type { AsideFile } from './aside.js';
import { syncPaths } from './file-system-sync.js';
import type { MirrorDisk } from './mirror-disk.js';
import { parentOf } from './names.js';

/** One change of the mirrored directory and of what is known of it. */
export type Step =
  /** A finished file goes to its place. */
  | {
      readonly kind: 'place';
      readonly file: AsideFile;
      readonly entry: MirrorEntry;
      readonly previous: MirrorEntry | null;
    }
  | { readonly kind: 'make-directory'; readonly path: string; readonly marker: MirroredObject | null }
  | { readonly kind: 'delete'; readonly path: string }
  | { readonly kind: 'remove-directory'; readonly path: string }
  /** Nothing on disk changes. */
  | { readonly kind: 'note'; readonly entry: MirrorEntry }
  | { readonly kind: 'forget'; readonly path: string };

interface Pending {
  readonly step: Step;
  resolve(): void;
  reject(error: unknown): void;
}

/** Steps that share one sync of the disk and one commit of the database. */
const maxGroup = 512;
const maxWaiting = 2048;
const parallelRenames = 16;

/**
 * Carries out steps in groups, so that the waits for disk and database are paid once for many files. Of a group:
 *
 * 1. the finished files reach the disk;
 * 2. the state says what will be there (durable);
 * 3. directories are made, files and directories removed, in the order of the steps, then the finished files renamed into place;
 * 4. the directories reach the disk;
 * 5. the state forgets what was removed (durable).
 *
 * The state is ahead of what comes and behind what goes: after a crash whatever the mirror put on disk is known to it. An
 * entry whose file was not yet renamed names an inode that is not at its path, and is fetched again; one that was renamed is right.
 */
export class Committer {
  readonly #disk: MirrorDisk;
  readonly #state: MirrorState;
  readonly #name: string;
  readonly #waiting: Pending[] = [];
  readonly #admissions: (() => void)[] = [];
  #running: Promise<void> | null = null;

  constructor(disk: MirrorDisk, state: MirrorState, name: string) {
    this.#disk = disk;
    this.#state = state;
    this.#name = name;
  }

  /** Resolves when the step is done and durable. Throws what the disk or the database said of it; then nothing of it stays. */
  commit(step: Step): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#waiting.push({ step, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when there is room for more steps. */
  async room(): Promise<void> {
    while (this.#waiting.length >= maxWaiting) {
      await new Promise<void>((resolve) => this.#admissions.push(resolve));
    }
  }

  async idle(): Promise<void> {
    while (this.#running !== null) await this.#running;
  }

  async #run(): Promise<void> {
    // What is submitted in the same turn goes together.
    await new Promise((resume) => setImmediate(resume));
    while (this.#waiting.length > 0) {
      await this.#group(this.#waiting.splice(0, maxGroup));
      for (const admit of this.#admissions.splice(0)) admit();
    }
    this.#running = null;
  }

  async #group(group: readonly Pending[]): Promise<void> {
    const failed = new Map<Pending, unknown>();
    try {
      await this.#carryOut(group, failed);
    } catch (error) {
      for (const pending of group) if (!failed.has(pending)) failed.set(pending, error);
    }
    for (const pending of group) {
      if (failed.has(pending)) {
        if (pending.step.kind === 'place') await this.#disk.aside.discard(pending.step.file.path);
        pending.reject(failed.get(pending));
      } else pending.resolve();
    }
  }

  async #carryOut(group: readonly Pending[], failed: Map<Pending, unknown>): Promise<void> {
    const places = group.filter((pending) => pending.step.kind === 'place');
    const files = places.flatMap(({ step }) => (step.kind === 'place' ? [step.file.path] : []));
    await syncPaths(files, this.#disk.aside.directory);
    await this.#state.apply(this.#name, announcements(group));
    const touched = new Set<string>();
    const held = new HeldDirectories(this.#disk);
    for (const pending of group) {
      if (pending.step.kind !== 'place') await this.#attempt(pending, failed, touched, held);
    }
    let next = 0;
    const work = async (): Promise<void> => {
      for (let one = places[next++]; one !== undefined; one = places[next++]) {
        await this.#attempt(one, failed, touched, held);
      }
    };
    await Promise.all(Array.from({ length: Math.min(parallelRenames, places.length) }, work));
    await this.#syncDirectories(touched);
    await this.#state.apply(this.#name, conclusions(group, failed));
  }

  async #attempt(
    pending: Pending,
    failed: Map<Pending, unknown>,
    touched: Set<string>,
    held: HeldDirectories,
  ): Promise<void> {
    try {
      await this.#touch(pending.step, touched, held);
    } catch (error) {
      failed.set(pending, error);
    }
  }

  async #touch(step: Step, touched: Set<string>, held: HeldDirectories): Promise<void> {
    switch (step.kind) {
      case 'place':
        await this.#place(step.file, step.entry.path, held);
        touched.add(parentOf(step.entry.path));
        return;
      case 'make-directory':
        await this.#disk.makeParents(step.path);
        await this.#disk.makeDirectory(step.path);
        held.clear();
        touched.add(parentOf(step.path));
        return;
      case 'delete':
        if (!(await held.has(parentOf(step.path)))) return;
        if (await isRemoved(unlink(this.#disk.pathOf(step.path)))) touched.add(parentOf(step.path));
        return;
      case 'remove-directory':
        if (!(await held.has(parentOf(step.path)))) return;
        held.clear();
        if (!(await isRemoved(rmdir(this.#disk.pathOf(step.path))))) {
          throw inTheWay('the directory is not in S3 any more, but holds something');
        }
        touched.add(parentOf(step.path));
        return;
      case 'note':
      case 'forget':
        return;
    }
  }

  async #place(file: AsideFile, path: string, held: HeldDirectories): Promise<void> {
    const target = this.#disk.pathOf(path);
    // Throws when a link or a file is where one of them should be.
    if (!(await held.has(parentOf(path)))) await this.#disk.makeParents(path);
    try {
      await rename(file.path, target);
    } catch (error) {
      if (!hasCode(error, 'EISDIR', 'ENOTEMPTY', 'EEXIST')) throw error;
      // An empty directory holds nothing of anybody.
      if (!(await isRemoved(rmdir(target)))) throw inTheWay('its name is that of a directory');
      await rename(file.path, target);
    }
  }

  async #syncDirectories(touched: ReadonlySet<string>): Promise<void> {
    const present: string[] = [];
    for (const path of touched) {
      const directory = this.#disk.pathOf(path);
      // Removed within the same group, after something in it.
      if ((await lstat(directory).catch(() => null))?.isDirectory()) present.push(directory);
    }
    await syncPaths(present, this.#disk.root);
  }
}

/** The directories that were found to be there, and where their paths say, within one group. */
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
  return new Fault('conflict', `${what} that the mirror did not put there: move it away`);
}

/** False when it stays because something else is there: a directory in the place of a file, or with files of somebody. */
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

function announcements(group: readonly Pending[]): readonly MirrorChange[] {
  const changes: MirrorChange[] = [];
  for (const { step } of group) {
    if (step.kind === 'place' || step.kind === 'note') changes.push({ kind: 'put', entry: step.entry });
    else if (step.kind === 'make-directory') {
      changes.push({
        kind: 'put',
        entry: { path: step.path, object: step.marker, stamp: null, refusal: null },
      });
    }
  }
  return changes;
}

function conclusions(
  group: readonly Pending[],
  failed: ReadonlyMap<Pending, unknown>,
): readonly MirrorChange[] {
  const changes: MirrorChange[] = [];
  for (const pending of group) {
    const { step } = pending;
    const hasFailed = failed.has(pending);
    if (step.kind === 'place') {
      if (hasFailed) changes.push(restored(step.entry.path, step.previous));
    } else if (step.kind === 'make-directory') {
      if (hasFailed) changes.push({ kind: 'remove', path: step.path });
    } else if (step.kind !== 'note' && !hasFailed) changes.push({ kind: 'remove', path: step.path });
  }
  return changes;
}

function restored(path: string, previous: MirrorEntry | null): MirrorChange {
  return previous === null ? { kind: 'remove', path } : { kind: 'put', entry: previous };
}
